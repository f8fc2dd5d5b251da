//! The process that reads documents, for the tests. With `hungry`, its document takes more memory than there is for it.

use std::io::{self, Read, Write};

use moltbot_tools::documents::work;

/// More than the process may have, bytes.
const TOO_MUCH: usize = 2 * 1024 * 1024 * 1024;

struct Hungry;

impl Read for Hungry {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        let mut memory: Vec<u8> = Vec::new();
        memory.try_reserve_exact(TOO_MUCH)?;
        Ok(memory.len())
    }
}

fn main() {
    let output: Box<dyn Write> = Box::new(io::stdout());
    match std::env::args().nth(1).as_deref() {
        Some("hungry") => work(Hungry, output),
        _ => work(io::stdin(), output),
    }
}
