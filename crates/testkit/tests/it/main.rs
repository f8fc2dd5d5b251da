//! The scripted server as its clients see it: over real sockets, from blocking threads.
#![allow(clippy::unwrap_used)]

mod capable;
mod captures;
mod client;
mod dialects;
mod lifecycle;
mod replies;
mod script_text;
mod scripts;
