//! Dates and times of day in texts.

/// Whether a token is a date, a time, or a number with decimals: figures in groups, as people write them.
pub(crate) fn is_moment(token: &str) -> bool {
    is_date(token) || is_time(token) || is_decimal(token)
}

/// The text without its dates and times of day, and how many these are.
pub(crate) fn without_dates(text: &str) -> (String, usize) {
    let mut count = 0;
    let rest: Vec<&str> = text
        .split_whitespace()
        .filter(|token| {
            let bare = token.trim_matches(|c: char| !c.is_alphanumeric());
            let is_one = is_date(bare) || is_time(bare);
            count += usize::from(is_one);
            !is_one
        })
        .collect();
    (rest.join(" "), count)
}

/// `2024-06-01`, `1.6.2024`, `06/24/24`, `2024-06-01T10:30`: a day and a month that there are.
fn is_date(token: &str) -> bool {
    let (token, time) = token.split_once('T').unwrap_or((token, "00:00"));
    let groups: Vec<&str> = token.split(['-', '.', '/']).collect();
    let is_year =
        |group: &str| group.len() == 4 && (group.starts_with("19") || group.starts_with("20"));
    let is_day = |one: &str, other: &str| {
        let (one, other) = (number(one), number(other));
        one.zip(other).is_some_and(|(one, other)| {
            one.min(other) >= 1 && one.min(other) <= 12 && one.max(other) <= 31
        })
    };
    let is_short = |group: &str| number(group).is_some();
    let is_date = match groups.as_slice() {
        [year, one, other] if is_year(year) && number(&year[2..]).is_some() => is_day(one, other),
        [one, other, year] => {
            is_day(one, other) && (is_year(year) && number(&year[2..]).is_some() || is_short(year))
        }
        _ => false,
    };
    is_date && is_time(time)
}

/// `10:30`, `10:30:15`.
fn is_time(token: &str) -> bool {
    let groups: Vec<Option<u32>> = token.split(':').map(number).collect();
    match groups.as_slice() {
        [Some(hours), Some(minutes)] | [Some(hours), Some(minutes), Some(0..=59)] => {
            *hours <= 24 && *minutes <= 59
        }
        _ => false,
    }
}

fn is_decimal(token: &str) -> bool {
    token
        .split_once('.')
        .is_some_and(|(whole, decimals)| number(whole).is_some() && number(decimals).is_some())
}

/// A number of one or two figures.
fn number(text: &str) -> Option<u32> {
    let is_short = matches!(text.len(), 1 | 2) && text.chars().all(|c| c.is_ascii_digit());
    is_short.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_one_that_there_is() {
        for (token, is_one) in [
            ("2024-06-01", true),
            ("2024-06-01T10:30", true),
            ("1.6.2024", true),
            ("06/24/24", true),
            ("10:30", true),
            ("10:30:59", true),
            ("98.70", true),
            ("2024-30-40", false),
            ("20-30-40", false),
            ("08-00-11", false),
            ("1234-56", false),
            ("2024é-06-01", false),
            ("99:99", false),
            ("12-34", false),
            ("", false),
        ] {
            assert_eq!(is_moment(token), is_one, "{token}");
        }
    }

    #[test]
    fn dates_are_taken_out_and_counted() {
        assert_eq!(
            without_dates("On 2024-06-01, 10:30 at Bob's."),
            ("On at Bob's.".to_owned(), 2)
        );
        assert_eq!(without_dates("98.70 now"), ("98.70 now".to_owned(), 0));
    }
}
