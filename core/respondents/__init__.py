"""People who were asked: interviews and their layouts, redaction, consent, what may be released, and scripts."""
