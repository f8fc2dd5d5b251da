//! Walks over a ladder, as whoever shows them sees them.

use moltbot_llm::{Answer, Event, FailureClass, Ladder, LadderError, Request};

/// What came of a walk.
#[derive(Debug)]
pub(crate) struct Walk {
    pub(crate) events: Vec<Event>,
    pub(crate) result: Result<Answer, LadderError>,
}

/// What stands on the screen when a walk is over.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Shown {
    pub(crate) text: String,
    /// Name and arguments of each call.
    pub(crate) calls: Vec<(String, String)>,
}

impl Walk {
    pub(crate) async fn new(ladder: &Ladder, request: &Request) -> Self {
        let mut events = Vec::new();
        let result = ladder.run(request, &mut |event| events.push(event)).await;
        Self { events, result }
    }

    /// The failures after which another model was asked.
    pub(crate) fn switches(&self) -> Vec<(FailureClass, String)> {
        self.events
            .iter()
            .filter_map(|event| match event {
                Event::NextModel { failure, next } => Some((failure.class, next.to_string())),
                _ => None,
            })
            .collect()
    }

    /// What stands at the end, once what a failed model had shown is taken back.
    pub(crate) fn standing(&self) -> Shown {
        let mut shown = Shown::default();
        for event in &self.events {
            match event {
                Event::Text(piece) => shown.text.push_str(piece),
                Event::TextWasThinking => shown.text.clear(),
                Event::NextModel { .. } | Event::Again { .. } => shown = Shown::default(),
                Event::ToolCallStarted { name, .. } => {
                    shown.calls.push((name.clone(), String::new()));
                }
                Event::ToolCallArguments { index, json } => shown.calls[*index].1.push_str(json),
                Event::Phase(_) | Event::Thinking(_) | Event::Notice(_) => {}
            }
        }
        shown
    }

    /// The text that stands at the end.
    pub(crate) fn shown(&self) -> String {
        self.standing().text
    }

    #[track_caller]
    pub(crate) fn error(&self) -> &LadderError {
        self.result.as_ref().unwrap_err()
    }
}
