//! What the servers answer, as the page's script reads it.

use ladder::wire::Wire;
use serde_json::{Value, json};

/// How much of a request or a response the page shows, in characters.
const MAX_SHOWN_CHARS: usize = 1000;

/// The table of all stages: what was sent in full, and for each stage the answer, short and in full.
pub fn rows(wire: &Wire) -> Value {
    let rows = wire.rows.iter().map(|row| {
        let answers = row.answers.iter().map(|answer| [answer.short.clone(), cut(&answer.got)]);
        json!({
            "case": row.case,
            "sent": row.answers.first().map(|answer| cut(&answer.sent)),
            "answers": answers.collect::<Vec<_>>(),
        })
    });
    rows.collect()
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(MAX_SHOWN_CHARS) {
        Some((at, _)) => format!("{}… ({} bytes in all)", &text[..at], text.len()),
        None => text.to_string(),
    }
}
