"""What calls the plugins: chains of authenticators, room policies, message filters and observers."""
