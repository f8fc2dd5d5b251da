//! Amounts of money in texts.

/// A number in a text.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Number {
    pub(crate) value: f64,
    /// Whether it is written as money is: with two decimals or a currency.
    pub(crate) is_money: bool,
}

const CURRENCIES: [char; 5] = ['$', '€', '£', '¥', '₣'];

/// The numbers that stand on their own in a text: not those in dates, names or codes.
pub(crate) fn numbers(text: &str) -> impl Iterator<Item = Number> {
    let mut last = "";
    text.split(|c: char| c.is_whitespace() || matches!(c, '(' | ')' | '"' | '\''))
        .filter_map(move |token| {
            let before = std::mem::replace(&mut last, token);
            let token = token.trim_end_matches(['.', ',', ';', ':', '!', '?']);
            let bare = token.trim_matches(CURRENCIES);
            let value = parse(bare)?;
            let is_money = bare.len() < token.len()
                || bare
                    .rsplit_once(['.', ','])
                    .is_some_and(|(_, decimals)| decimals.len() == 2);
            let is_year = !is_money && is_year(bare) && is_before_year(before);
            (!is_year).then_some(Number { value, is_money })
        })
}

fn is_year(token: &str) -> bool {
    token.len() == 4 && (token.starts_with("19") || token.starts_with("20"))
}

/// What makes four figures behind it a year: `in 2024`, `March 2024`.
fn is_before_year(token: &str) -> bool {
    const WORDS: [&str; 18] = [
        "in", "of", "since", "until", "year", "from", "jan", "feb", "mar", "apr", "may", "jun",
        "jul", "aug", "sep", "oct", "nov", "dec",
    ];
    let token = token.to_lowercase();
    let token = token.trim_end_matches(['.', ',']);
    let is_month = || {
        token
            .get(..3)
            .is_some_and(|start| WORDS[6..].contains(&start))
            && token.chars().all(char::is_alphabetic)
    };
    WORDS.contains(&token) || is_month()
}

/// A number as a program or a person writes it, perhaps with commas between thousands. A comma before anything but three
/// figures is none of these: half of the world writes its decimals so.
pub(crate) fn parse(text: &str) -> Option<f64> {
    let text = text.trim();
    let looks_so = text.starts_with(|c: char| c.is_ascii_digit())
        && text
            .chars()
            .all(|c| c.is_ascii_digit() || matches!(c, '.' | ','));
    if !looks_so {
        return None;
    }
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    let text = match text.split_once(',') {
        None => text.to_owned(),
        Some((first, rest)) => {
            let is_grouped = (1..=3).contains(&first.len())
                && !decimals.contains(',')
                && whole[first.len() + 1..]
                    .split(',')
                    .all(|group| group.len() == 3);
            match is_grouped {
                true => text.replace(',', ""),
                false if !text.contains('.') && !rest.contains(',') => text.replace(',', "."),
                false => return None,
            }
        }
    };
    let value: f64 = text.parse().ok()?;
    value.is_finite().then_some(value)
}

/// The percentages in a text, as numbers: `19.5%` is 19.5.
pub(crate) fn percentages(text: &str) -> impl Iterator<Item = f64> {
    text.split_whitespace().filter_map(|token| {
        let token = token.trim_end_matches(['.', ',', ';', ':', '!', '?', ')']);
        parse(token.strip_suffix('%')?.trim_start_matches('('))
    })
}

/// Whether an amount comes of what the owner said and one amount that is known: the difference between that and one that
/// was said, or a percentage of it that was said, and with it perhaps an amount that was said.
pub(crate) fn is_reckoned(value: f64, known: &[f64], said: &[f64], percentages: &[f64]) -> bool {
    let is_it = |reckoned: f64| (value - reckoned).abs() < 0.005;
    known.iter().any(|known| {
        said.iter().any(|said| is_it((known - said).abs()))
            || percentages.iter().any(|percent| {
                let part = known * percent / 100.0;
                is_it(part) || said.iter().any(|said| is_it(part + said))
            })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_on_their_own() {
        let read: Vec<(f64, bool)> =
            numbers("We spent 12.00 on 2024-05-01, in May 2024, or $1,050; rent is 2200. IBAN GB29 19.5% 7,25")
                .map(|number| (number.value, number.is_money))
                .collect();
        assert_eq!(
            read,
            [(12.0, true), (1050.0, true), (2200.0, false), (7.25, true)]
        );
    }

    #[test]
    fn what_the_owner_said_is_reckoned_with() {
        let percentages: Vec<f64> = percentages("10% more, or (19.5%).").collect();
        assert_eq!(percentages, [10.0, 19.5]);
        for (value, is_one) in [
            (100.0, true),
            (195.0, true),
            (200.29, true),
            (994.71, true),
            (99.0, false),
            (1000.0, false),
            (1100.0, false),
        ] {
            assert_eq!(
                is_reckoned(value, &[1000.0], &[5.29], &percentages),
                is_one,
                "{value}"
            );
        }
    }

    #[test]
    fn a_comma_is_no_way_to_a_hundred_times_as_much() {
        for (text, value) in [
            ("12,50", Some(12.5)),
            ("1,250", Some(1250.0)),
            ("1,250.75", Some(1250.75)),
            ("1,250,000", Some(1_250_000.0)),
            ("1,25,000", None),
            ("12.50,00", None),
            ("1250,000", Some(1250.0)),
            (",5", None),
            ("1e3", None),
        ] {
            assert_eq!(parse(text), value, "{text}");
        }
    }
}
