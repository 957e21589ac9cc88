"""The mind that thinks with a language model: prompt, tools, a form to submit, and what bounds and guards it."""
