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
    text.split(|c: char| c.is_whitespace() || matches!(c, '(' | ')' | '"' | '\''))
        .filter_map(|token| {
            let token = token.trim_end_matches(['.', ',', ';', ':', '!', '?']);
            let bare = token.trim_matches(CURRENCIES);
            let value = parse(bare)?;
            let is_money = bare.len() < token.len()
                || bare
                    .rsplit_once('.')
                    .is_some_and(|(_, decimals)| decimals.len() == 2);
            Some(Number { value, is_money })
        })
}

/// A number as a program writes it, perhaps with commas between thousands.
pub(crate) fn parse(text: &str) -> Option<f64> {
    let text = text.trim();
    let looks_so = text.starts_with(|c: char| c.is_ascii_digit())
        && text
            .chars()
            .all(|c| c.is_ascii_digit() || matches!(c, '.' | ','));
    let value: f64 = looks_so
        .then(|| text.replace(',', ""))
        .and_then(|text| text.parse().ok())?;
    value.is_finite().then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_on_their_own() {
        let read: Vec<(f64, bool)> =
            numbers("We spent 12.00 on 2024-05-01, or $1,050; rent is 2200. IBAN GB29 19.5%")
                .map(|number| (number.value, number.is_money))
                .collect();
        assert_eq!(read, [(12.0, true), (1050.0, true), (2200.0, false)]);
    }
}
