//! Decides for another program: one JSON object a line on standard input, one answer a line for each `decide`.
//!
//! `{"op":"new","preset":"standard","owner":"…"}` begins a conversation; `{"op":"read","texts":[…],"items":[…]}` tells what a
//! tool has answered; `{"op":"decide","plan":{…}}` asks; `{"op":"approved","plan":{…}}` tells that the owner said yes.

use std::io::{BufRead as _, Write as _};

use moltbot_guard::{Evidence, Item, Plan, Preset, Visibility, decide};
use moltbot_llm::Provenance;
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(tag = "op", rename_all = "kebab-case")]
enum Line {
    New {
        preset: Preset,
        owner: String,
    },
    Read {
        #[serde(default)]
        texts: Vec<Text>,
        #[serde(default)]
        items: Vec<Item>,
    },
    Decide {
        plan: Plan,
    },
    Approved {
        plan: Plan,
    },
}

#[derive(Deserialize)]
struct Text {
    text: String,
    from: Provenance,
    #[serde(default)]
    visibility: Visibility,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut evidence = Evidence::new();
    let mut preset = Preset::default();
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        match serde_json::from_str(&line?)? {
            Line::New {
                preset: chosen,
                owner,
            } => {
                preset = chosen;
                evidence = Evidence::new();
                evidence.owner_said(&owner);
            }
            Line::Read { texts, items } => {
                for Text {
                    text,
                    from,
                    visibility,
                } in texts
                {
                    evidence.read(&text, from, visibility);
                }
                for item in items {
                    evidence.found(item);
                }
            }
            Line::Decide { plan } => {
                let decision = decide(&plan, &evidence, preset);
                writeln!(out, "{}", serde_json::to_string(&decision)?)?;
                out.flush()?;
            }
            Line::Approved { plan } => evidence.approved(&plan),
        }
    }
    Ok(())
}
