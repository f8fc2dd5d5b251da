//! Any text as a configuration file: no panic, and whatever is wrong is said.

#![no_main]

use libfuzzer_sys::fuzz_target;
use moltbot_config::Environment;

fuzz_target!(|text: &str| {
    // These read other files and start a shell, as the owner asked for.
    if text.contains("include") || text.contains("shellEnv") {
        return;
    }
    let environment = Environment {
        home: "/nonexistent".into(),
        cwd: "/nonexistent".into(),
        ..Environment::default()
    };
    if let Err(error) = moltbot_config::load_text(&environment, text) {
        assert!(!error.to_string().is_empty());
    }
});
