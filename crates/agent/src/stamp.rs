//! When a message came: stamped on the message, so that the prompt before it never changes.

use chrono::{DateTime, FixedOffset, Local, Utc};
use moltbot_config::Environment;
use moltbot_config::schema::{AgentDefaults, OnOff};
use moltbot_llm::{Content, Message, Provenance, UserMessage};
use tz::TimeZone;

/// How messages are stamped with their time.
#[derive(Debug, Clone, PartialEq)]
pub struct Stamp {
    /// `None`: not at all.
    zone: Option<Zone>,
}

#[derive(Debug, Clone, PartialEq)]
enum Zone {
    Utc,
    /// One of the machine's time zone database.
    Known(TimeZone),
    /// The machine's, from wherever its system has it.
    Machine,
}

impl Stamp {
    /// No stamps.
    pub fn off() -> Self {
        Self { zone: None }
    }

    /// Stamps in coordinated universal time.
    pub fn utc() -> Self {
        Self {
            zone: Some(Zone::Utc),
        }
    }

    /// As the owner wants them (`agents.defaults.envelopeTimestamp`, `envelopeTimezone`, `userTimezone`), and what to say
    /// where a time zone is not known: then they are in UTC.
    pub fn from_config(
        defaults: &AgentDefaults,
        environment: &Environment,
    ) -> (Self, Option<String>) {
        if defaults.envelope_timestamp == Some(OnOff::Off) {
            return (Self::off(), None);
        }
        let wanted = defaults.envelope_timezone.as_deref().map_or("", str::trim);
        let (zone, notice) = match wanted.to_ascii_lowercase().as_str() {
            "" | "local" => (machine(environment), None),
            "utc" | "gmt" => (Zone::Utc, None),
            "user" => {
                let own = defaults.user_timezone.as_deref().and_then(known);
                (own.unwrap_or_else(|| machine(environment)), None)
            }
            _ => match known(wanted) {
                Some(zone) => (zone, None),
                None => (
                    Zone::Utc,
                    Some(format!(
                        "agents.defaults.envelopeTimezone: this machine knows no time zone \"{wanted}\", so messages are stamped in UTC; write utc, local, user, or a name such as Asia/Tokyo (and install the system's tzdata)."
                    )),
                ),
            },
        };
        (Self { zone: Some(zone) }, notice)
    }

    /// Whether messages are stamped.
    pub fn is_on(&self) -> bool {
        self.zone.is_some()
    }

    /// A message of the owner's, said at this time (milliseconds since the Unix epoch), its stamp before it.
    #[cfg(test)]
    pub(crate) fn message(&self, text: &str, timestamp: i64) -> Message {
        self.on(vec![Content::text(text, Provenance::Owner)], timestamp)
    }

    /// What was said at this time (milliseconds since the Unix epoch), whoever said it, its stamp before it.
    pub(crate) fn on(&self, said: Vec<Content>, timestamp: i64) -> Message {
        let stamp = self
            .text(timestamp)
            .map(|text| Content::text(text, Provenance::Program));
        Message::User(UserMessage {
            content: stamp.into_iter().chain(said).collect(),
            timestamp,
        })
    }

    /// `[Sat 2026-11-21 17:40 UTC]`: with the day of the week, which small models cannot work out.
    fn text(&self, timestamp: i64) -> Option<String> {
        let utc = DateTime::from_timestamp_millis(timestamp)?;
        let (time, zone) = match self.zone.as_ref()? {
            Zone::Utc => (utc.fixed_offset(), "UTC".to_owned()),
            Zone::Known(zone) => in_zone(utc, zone)?,
            Zone::Machine => {
                let local = utc.with_timezone(&Local).fixed_offset();
                (local, format!("UTC{}", local.format("%:z")))
            }
        };
        Some(format!("[{} {zone}]", time.format("%a %Y-%m-%d %H:%M")))
    }
}

impl Default for Stamp {
    fn default() -> Self {
        Self::utc()
    }
}

/// A time in a zone, and what the zone is called then.
fn in_zone(utc: DateTime<Utc>, zone: &TimeZone) -> Option<(DateTime<FixedOffset>, String)> {
    let then = zone.find_local_time_type(utc.timestamp()).ok()?;
    let offset = FixedOffset::east_opt(then.ut_offset())?;
    let name = match then.time_zone_designation() {
        // Zones without letters are called by their offset.
        number if number.starts_with(['+', '-']) => format!("UTC{number}"),
        "" => format!("UTC{offset}"),
        name => name.to_owned(),
    };
    Some((utc.with_timezone(&offset), name))
}

/// A zone by its name in the database, such as `Asia/Tokyo`.
fn known(name: &str) -> Option<Zone> {
    let name = name.trim();
    TimeZone::from_posix_tz(name).ok().map(Zone::Known)
}

/// The machine's own: `TZ`, else what the system was set to.
fn machine(environment: &Environment) -> Zone {
    match environment.get("TZ") {
        Some(name) => known(name),
        None if cfg!(unix) => TimeZone::local().ok().map(Zone::Known),
        None => None,
    }
    .unwrap_or(Zone::Machine)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// 2026-11-21 17:40:31 UTC.
    const NOW: i64 = 1_795_282_831_000;

    fn stamp(zone: &str, user: Option<&str>, tz: Option<&str>) -> (String, Option<String>) {
        let defaults = AgentDefaults {
            envelope_timezone: Some(zone.to_owned()),
            user_timezone: user.map(str::to_owned),
            ..AgentDefaults::default()
        };
        let mut environment = Environment::default();
        if let Some(tz) = tz {
            environment.vars.insert("TZ".into(), tz.into());
        }
        let (stamp, notice) = Stamp::from_config(&defaults, &environment);
        (stamp.text(NOW).unwrap(), notice)
    }

    #[test]
    fn a_stamp_says_day_time_and_zone() {
        let utc = "[Sat 2026-11-21 17:40 UTC]";
        assert_eq!(stamp("utc", None, Some("CET-1")).0, utc);
        // The rules of a zone can be written out, which needs no database.
        let berlin = "CET-1CEST,M3.5.0,M10.5.0/3";
        let cet = "[Sat 2026-11-21 18:40 CET]";
        assert_eq!(stamp("local", None, Some(berlin)).0, cet);
        assert_eq!(stamp("user", Some(berlin), Some("UTC")).0, cet);
        assert_eq!(stamp("user", Some("Mars/Base"), Some(berlin)).0, cet);
        assert_eq!(
            stamp("<+0530>-5:30", None, None).0,
            "[Sat 2026-11-21 23:10 UTC+0530]"
        );
        let (text, notice) = stamp("Mars/Base", None, Some(berlin));
        assert_eq!(text, utc);
        assert!(notice.unwrap().contains("\"Mars/Base\""));
    }

    #[test]
    fn a_stamp_stands_before_the_message_as_the_program_s_own() {
        let Message::User(message) = Stamp::utc().message("hi", NOW) else {
            panic!("a person's message");
        };
        let from: Vec<Provenance> = message.content.iter().map(Content::from).collect();
        assert_eq!(from, [Provenance::Program, Provenance::Owner]);
        let off = AgentDefaults {
            envelope_timestamp: Some(OnOff::Off),
            ..AgentDefaults::default()
        };
        let (off, _) = Stamp::from_config(&off, &Environment::default());
        assert_eq!(off.message("hi", NOW), Message::user("hi", NOW));
    }
}
