"""The call doctor: watches how calls are set up, and says why one does not come about."""
