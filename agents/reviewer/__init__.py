"""The Reviewer: answers what is known about a problem, with recipes and citations."""
