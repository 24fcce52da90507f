"""Several real nodes on one real Redis, and what breaks between them."""
