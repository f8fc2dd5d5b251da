//! Whether the owner ordered a command.

/// What an order begins with.
const ORDERS: [&str; 4] = ["run", "execute", "please run", "please execute"];

/// Whether a line of a text is the order to run this very command, whole: `Run cargo test`. To name a command in a
/// question or a warning is no order.
pub(crate) fn is_ordered(command: &str, text: &str) -> bool {
    !command.is_empty()
        && !command.contains(['\n', '\r'])
        && text.lines().any(|line| {
            let line = line.trim();
            ORDERS.iter().any(|order| {
                let (Some(start), Some(rest)) = (line.get(..order.len()), line.get(order.len()..))
                else {
                    return false;
                };
                let is_order = start.eq_ignore_ascii_case(order)
                    && rest.starts_with(|c: char| c.is_whitespace() || c == ':');
                let rest = rest.trim_start_matches(':').trim();
                let unquoted = rest
                    .strip_prefix('`')
                    .and_then(|rest| rest.strip_suffix('`'));
                is_order && unquoted.unwrap_or(rest) == command
            })
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_order_is_one() {
        for (command, text, ordered) in [
            ("ls -la", "Run ls -la", true),
            ("ls -la", "please run `ls -la`", true),
            ("ls -la", "First this:\nrun: ls -la\nThen tell me.", true),
            ("ls", "run ls -la", false),
            ("rm -rf /", "What does `rm -rf /` do?", false),
            ("rm -rf /", "Never run rm -rf /", false),
            ("ls\nrm -rf /", "run ls\nrm -rf /", false),
            ("", "run ", false),
        ] {
            assert_eq!(
                is_ordered(command, text),
                ordered,
                "{command:?} in {text:?}"
            );
        }
    }
}
