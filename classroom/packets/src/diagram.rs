//! From segments to a sequence diagram in Mermaid's language, which GitHub draws.

use crate::capture::{Segment, Side};

/// How many characters of a payload are shown.
const MAX_SHOWN_CHARS: usize = 40;

/// Draws the segments in order, each as an arrow from its sender. Segments with data that follow each other in one
/// direction are one arrow. If there are several connections, each begins with the filter with
/// which Wireshark shows it alone.
pub fn draw(segments: &[Segment]) -> String {
    let mut diagram =
        "sequenceDiagram\n    participant client\n    participant server\n".to_string();
    let several = segments.iter().any(|segment| segment.stream > 0);
    let mut stream = None;
    for run in shown(segments).chunk_by(|first, next| continues(first, next)) {
        let first = run[0];
        if several && stream != Some(first.stream) {
            diagram += &format!("    Note over client,server: tcp.stream eq {}\n", first.stream);
            stream = Some(first.stream);
        }
        diagram += &format!("    {}: {}\n", arrow(first), escape(&label(run)));
    }
    diagram
}

/// The segments that a diagram shows: a pure ACK where it ends the handshake, and nowhere else. The
/// kernel decides how many others there are.
fn shown(segments: &[Segment]) -> Vec<&Segment> {
    let mut shown: Vec<&Segment> = Vec::new();
    for segment in segments {
        let before = shown.iter().rev().find(|before| before.stream == segment.stream);
        let ends_handshake = before.is_some_and(|before| before.syn && before.ack);
        if ends_handshake || !segment.is_pure_ack() {
            shown.push(segment);
        }
    }
    shown
}

/// Whether `next` is more of the data that `first` began.
fn continues(first: &Segment, next: &Segment) -> bool {
    let data = |segment: &Segment| {
        !segment.payload.is_empty() && !segment.syn && !segment.fin && !segment.rst
    };
    first.stream == next.stream && first.from == next.from && data(first) && data(next)
}

/// An arrow with a cross for RST, a dashed one for a pure ACK, and a solid one for every other segment.
fn arrow(segment: &Segment) -> String {
    let line = match segment {
        Segment { rst: true, .. } => "-x",
        segment if segment.is_pure_ack() => "-->>",
        _ => "->>",
    };
    match segment.from {
        Side::Client => format!("client{line}server"),
        Side::Server => format!("server{line}client"),
    }
}

/// The text of an arrow. Every segment except the first SYN has ACK, so ACK is named only in a SYN and in a pure ACK.
pub(crate) fn label(run: &[&Segment]) -> String {
    let first = run[0];
    let mut words = Vec::new();
    for (flag, name) in [
        (first.syn, "SYN"),
        (first.fin, "FIN"),
        (first.rst, "RST"),
        (first.ack && first.syn || first.is_pure_ack(), "ACK"),
    ] {
        if flag {
            words.push(name.to_string());
        }
    }
    let payload: Vec<u8> = run.iter().flat_map(|segment| segment.payload.clone()).collect();
    if run.len() > 1 {
        words.push(format!("{} segments", run.len()));
    }
    if !payload.is_empty() {
        let plural = if payload.len() == 1 { "" } else { "s" };
        words.push(format!("{} byte{plural} {}", payload.len(), quote(&payload)));
    }
    words.join(", ")
}

/// The first line of a payload, in quotes, and `…` if there is more.
pub(crate) fn quote(payload: &[u8]) -> String {
    let text = String::from_utf8_lossy(payload);
    let line = text.split_inclusive('\n').next().unwrap_or_default();
    let shown: String = line.chars().take(MAX_SHOWN_CHARS).collect();
    let more = if shown.len() < text.len() { "…" } else { "" };
    format!("{shown:?}{more}")
}

/// The text with the characters that have a meaning in Mermaid written as numbers.
fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for character in text.chars() {
        match character {
            '#' | ';' | '<' | '>' | '&' => escaped += &format!("#{};", u32::from(character)),
            _ => escaped.push(character),
        }
    }
    escaped
}
