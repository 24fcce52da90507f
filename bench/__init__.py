"""How much work this server does for each second of processor time, beside others: ``python -m bench --help``."""
