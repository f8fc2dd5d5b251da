//! Reading a reply's body while it comes.

use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use crate::backend::EventSink;
use crate::dialect::Decoder;
use crate::http::chain;

/// What a body comes from, piece by piece.
pub(super) trait Source {
    /// The next piece; `None` at the end, `Err` with the cause where it breaks off.
    fn chunk(&mut self) -> impl Future<Output = Result<Option<Bytes>, String>> + Send;
}

impl Source for reqwest::Response {
    async fn chunk(&mut self) -> Result<Option<Bytes>, String> {
        self.chunk().await.map_err(|error| chain(&error))
    }
}

/// Why a body ended before its reply did.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Break {
    /// The connection broke, for this reason.
    Cut(String),
    /// Nothing came for this long.
    Silent(Duration),
}

/// Feeds what comes to the decoder until it has a whole reply or the body ends, beginning with the piece that is there
/// already.
pub(super) async fn read(
    first: Option<Bytes>,
    source: &mut (impl Source + Send),
    silence: Duration,
    decoder: &mut Decoder<'_>,
    events: EventSink<'_>,
) -> Result<(), Break> {
    let mut next = first;
    // One timer for the whole body, set anew only when it goes off too early: a piece comes for every word.
    let mut alarm = std::pin::pin!(tokio::time::sleep(silence));
    while let Some(bytes) = next {
        decoder.feed(&bytes).into_iter().for_each(&mut *events);
        if decoder.is_over() {
            break;
        }
        let end = Instant::now() + silence;
        let mut chunk = std::pin::pin!(source.chunk());
        next = loop {
            tokio::select! {
                biased;
                next = &mut chunk => break next.map_err(Break::Cut)?,
                () = &mut alarm => match alarm.deadline() < end {
                    true => alarm.as_mut().reset(end),
                    false => return Err(Break::Silent(silence)),
                },
            }
        };
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::catalog::Catalog;
    use crate::event::Event;
    use crate::request::Request;

    const SILENCE: Duration = Duration::from_secs(90);

    /// Pieces, each after a time.
    struct Pieces(Vec<(u64, &'static str)>);

    impl Source for Pieces {
        async fn chunk(&mut self) -> Result<Option<Bytes>, String> {
            if self.0.is_empty() {
                return Ok(None);
            }
            let (seconds, piece) = self.0.remove(0);
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            match piece {
                "BREAK" => Err("reset".to_owned()),
                piece => Ok(Some(Bytes::from_static(piece.as_bytes()))),
            }
        }
    }

    const WORD: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"Hi.\"}}]}\n\n";
    const DONE: &str = "data: [DONE]\n\n";

    async fn text_of(pieces: Vec<(u64, &'static str)>) -> (Result<(), Break>, String) {
        let config = serde_json::from_value(serde_json::json!({"models": {"providers": {"box": {
            "baseUrl": "http://127.0.0.1:9", "api": "openai-completions",
            "models": [{"id": "m", "name": "M"}],
        }}}}));
        let catalog = Catalog::new(&config.unwrap(), &[]);
        let model = catalog.resolve("box/m").unwrap();
        let request = Request::default();
        let mut decoder = Decoder::new(&model, &request, 7);
        let mut text = String::new();
        let mut sink = |event| {
            if let Event::Text(piece) = event {
                text.push_str(&piece);
            }
        };
        let first = Some(Bytes::new());
        let mut source = Pieces(pieces);
        let read = read(first, &mut source, SILENCE, &mut decoder, &mut sink).await;
        (read, text)
    }

    #[tokio::test(start_paused = true)]
    async fn comments_keep_a_reply_alive_for_as_long_as_it_takes() {
        let mut pieces = vec![(89, ": OPENROUTER PROCESSING\n\n"); 60];
        pieces.extend([(89, "\n"), (89, WORD), (89, ": "), (89, "\n"), (1, DONE)]);
        assert_eq!(text_of(pieces).await, (Ok(()), "Hi.".to_owned()));
    }

    #[tokio::test(start_paused = true)]
    async fn silence_ends_it_wherever_it_falls() {
        for before in [vec![], vec![(1, ": \n")], vec![(1, WORD), (2, ": \n")]] {
            let said = before.contains(&(1, WORD));
            let pieces = before.into_iter().chain([(91, WORD), (0, DONE)]).collect();
            let (read, text) = text_of(pieces).await;
            assert_eq!(read, Err(Break::Silent(SILENCE)));
            assert_eq!(text == "Hi.", said);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_breaks_says_why_and_what_is_whole_is_read_no_further() {
        let (read, _) = text_of(vec![(0, WORD), (0, "BREAK")]).await;
        assert_eq!(read, Err(Break::Cut("reset".to_owned())));
        let (read, text) = text_of(vec![(0, WORD), (0, DONE), (0, "BREAK")]).await;
        assert_eq!((read, text.as_str()), (Ok(()), "Hi."));
    }
}
