"""The scorer: a process of its own, the only reader of the test split, and the only writer of `final_model/`."""
