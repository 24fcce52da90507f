"""What one client may send, and what is left of that when it comes back."""
