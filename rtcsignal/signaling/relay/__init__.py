"""What members send each other, and what they send to plugins."""
