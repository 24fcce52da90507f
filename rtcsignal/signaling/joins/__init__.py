"""How participants become members and give it up again."""
