//! What servers send, in each dialect, with all their habits.

mod answers;
mod broken;
mod completions;
mod cuts;
mod google;
mod messages;
mod ollama;
mod reasoning;
mod responses;
mod text_calls;
