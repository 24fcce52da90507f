"""How sessions begin: which requests are accepted, what is answered, and who has to be asked first."""
