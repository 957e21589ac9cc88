"""Who speaks next: the LangGraph state machine of the crew. Imports the protocol and nothing else of ours."""
