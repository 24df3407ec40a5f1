//! Draws a history: a row for each client, a bar for each request, a line for each fault that the
//! test made.

use crate::clients::CLIENTS;
use crate::record::{Answer, Ask, Request};
use std::fmt::Write;
use std::ops::Range;
use std::time::Duration;

/// Something that the test did to the servers: when, and what, such as "server 2 killed".
#[derive(Clone, Debug)]
pub struct Event {
    pub time: Duration,
    pub what: String,
}

/// Where the rows begin, and how much place a row has.
const LEFT: f64 = 80.0;
const TOP: f64 = 180.0;
const ROW: f64 = 22.0;
/// How wide the rows are, and the whole picture.
const WIDTH: f64 = 1100.0;
const WHOLE_WIDTH: f64 = LEFT + WIDTH + 20.0;

/// The kinds of bars: class, colour, half of its height, and what the legend says. These are
/// colours of Okabe and Ito, which colour-blind people can tell apart.
const KINDS: [(&str, &str, f64, &str); 5] = [
    ("post", "#0072B2", 7.0, "POST, stored"),
    ("put", "#E69F00", 7.0, "PUT, stored"),
    ("get", "#56B4E9", 4.0, "GET /i, answered"),
    ("list", "#009E73", 5.0, "GET /, answered"),
    ("none", "#000000", 2.5, "no answer"),
];

/// Returns the part of a history between two times as SVG.
pub fn draw(history: &[Request], events: &[Event], shown: Range<Duration>) -> String {
    let bottom = TOP + ROW * CLIENTS as f64;
    let height = bottom + 60.0;
    let x = |time: Duration| {
        let time = time.clamp(shown.start, shown.end) - shown.start;
        LEFT + WIDTH * time.as_secs_f64() / (shown.end - shown.start).as_secs_f64()
    };
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WHOLE_WIDTH} {height}\" \
         font-family=\"sans-serif\" font-size=\"14\" fill=\"#222\">\n<title>{TITLE}</title>\n\
         <rect width=\"{WHOLE_WIDTH}\" height=\"{height}\" fill=\"#fff\"/>\n"
    );
    text(&mut svg, (LEFT, 30.0), "font-size=\"20\" font-weight=\"bold\"", TITLE);
    let mut legend = LEFT;
    for (_, colour, half, name) in KINDS {
        let (y, height) = (56.0 - half, 2.0 * half);
        let _ = writeln!(
            svg,
            "<rect x=\"{legend}\" y=\"{y}\" width=\"26\" height=\"{height}\" fill=\"{colour}\"/>"
        );
        text(&mut svg, (legend + 34.0, 61.0), "", name);
        legend += 60.0 + 8.0 * name.len() as f64;
    }
    for second in seconds(&shown) {
        let x = x(Duration::from_secs(second));
        line(&mut svg, x, TOP - 6.0, bottom, "stroke=\"#ddd\"");
        text(&mut svg, (x, bottom + 20.0), "text-anchor=\"middle\"", &second.to_string());
    }
    let middle = (LEFT + WIDTH / 2.0, bottom + 44.0);
    text(&mut svg, middle, "text-anchor=\"middle\"", "seconds since the start");
    for client in 0..CLIENTS {
        let y = TOP + ROW * (client as f64 + 0.5);
        text(
            &mut svg,
            (LEFT - 10.0, y + 5.0),
            "text-anchor=\"end\"",
            &format!("client {}", client + 1),
        );
    }
    for (class, colour, half, _) in KINDS {
        let mut path = String::new();
        let is_shown = |request: &&Request| {
            let is_inside = request.start < shown.end && request.end > shown.start;
            kind(request) == class && request.client < CLIENTS && is_inside
        };
        for request in history.iter().filter(is_shown) {
            let y = TOP + ROW * (request.client as f64 + 0.5);
            let start = x(request.start);
            // A short request can be seen as well.
            let width = (x(request.end) - start).max(1.0);
            let _ = write!(path, "M{start:.1} {y}h{width:.1}");
        }
        let width = 2.0 * half;
        let _ = writeln!(
            svg,
            "<path d=\"{path}\" stroke=\"{colour}\" stroke-width=\"{width}\" fill=\"none\"/>"
        );
    }
    let shown_events: Vec<_> = events.iter().filter(|event| shown.contains(&event.time)).collect();
    // Labels of events that are close to each other stand in different lines.
    let label = |number: usize| 88.0 + 18.0 * (number % 5) as f64;
    for (number, event) in shown_events.iter().enumerate() {
        let how = "stroke=\"#D55E00\" stroke-width=\"2\" stroke-dasharray=\"6 3\"";
        line(&mut svg, x(event.time), label(number) + 4.0, bottom, how);
    }
    for (number, event) in shown_events.iter().enumerate() {
        let side = if x(event.time) > WHOLE_WIDTH - 180.0 { "end" } else { "start" };
        let (place, side) = ((x(event.time), label(number)), format!("text-anchor=\"{side}\""));
        // First a white edge, because lines of other events can cross the label.
        let edge = format!("{side} stroke=\"#fff\" stroke-width=\"4\"");
        text(&mut svg, place, &edge, &event.what);
        text(&mut svg, place, &side, &event.what);
    }
    svg + "</svg>\n"
}

const TITLE: &str = "What 16 clients asked while servers and databases were killed";

/// The whole seconds of a range.
fn seconds(shown: &Range<Duration>) -> Range<u64> {
    shown.start.as_secs_f64().ceil() as u64..shown.end.as_secs() + 1
}

/// Returns the class of a request's bar.
fn kind(request: &Request) -> &'static str {
    match (request.ask, &request.answer) {
        (_, Answer::None(_) | Answer::Wrong(_)) => "none",
        (Ask::Post(_), _) => "post",
        (Ask::Put(..), _) => "put",
        (Ask::Get(_), _) => "get",
        (Ask::List, _) => "list",
    }
}

/// Adds a text that begins at a place; `how` is more attributes.
fn text(svg: &mut String, (x, y): (f64, f64), how: &str, text: &str) {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    let _ = writeln!(svg, "<text x=\"{x:.1}\" y=\"{y:.1}\" {how}>{text}</text>");
}

/// Adds a vertical line.
fn line(svg: &mut String, x: f64, top: f64, bottom: f64, how: &str) {
    let _ = writeln!(svg, "<path d=\"M{x:.1} {top:.1}V{bottom:.1}\" {how}/>");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(start: f64, end: f64) -> Range<Duration> {
        Duration::from_secs_f64(start)..Duration::from_secs_f64(end)
    }

    fn request(client: usize, ask: Ask, time: Range<Duration>, answer: Answer) -> Request {
        Request { client, ask, start: time.start, end: time.end, answer }
    }

    #[test]
    fn each_request_that_is_shown_has_a_bar_of_its_kind() {
        let lost = Answer::None("lost".to_string());
        let history = [
            request(0, Ask::Post(0), seconds(1.0, 2.0), Answer::Stored(0)),
            request(1, Ask::Put(0, 1), seconds(2.0, 3.0), lost),
            request(2, Ask::Get(0), seconds(8.0, 9.0), Answer::Text(0)),
        ];
        let events = [Event { time: Duration::from_secs(2), what: "a < b & c".to_string() }];
        let svg = draw(&history, &events, seconds(0.0, 5.0));
        let bars: Vec<_> = svg.lines().filter(|line| line.starts_with("<path d=\"M")).collect();
        let of = |colour: &str| -> usize {
            let bars = bars.iter().filter(|bar| bar.contains(&format!("stroke=\"{colour}\"")));
            bars.map(|bar| bar.matches('M').count()).sum()
        };
        assert_eq!(KINDS.map(|(_, colour, ..)| of(colour)), [1, 0, 0, 0, 1]);
        assert!(svg.contains("M300.0 191h220.0"), "{svg}");
        assert!(svg.contains(">a &lt; b &amp; c</text>"), "{svg}");
    }
}
