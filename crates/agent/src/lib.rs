//! One turn: the prompt, the model ladder, and the journal of what was said.
