"""The minds that a role can think with."""
