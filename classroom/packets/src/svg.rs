//! From a sequence diagram in Mermaid's language to a picture (SVG). Of the language it knows what the notes use.

use anyhow::{Context, Result, bail, ensure};

/// The size of the letters. The picture is as many em wide as it has units, divided by this.
const LETTER: f64 = 16.0;

/// The height of a row.
const ROW: f64 = 38.0;

/// The height of a name at the top.
const HEAD: f64 = 34.0;

/// The space beside the text in a name or in a note, and at the edges of the picture.
const SPACE: f64 = 12.0;

/// What a line of the diagram says.
enum Item {
    Arrow { from: usize, to: usize, is_dotted: bool, has_cross: bool, label: String },
    Note { over: (usize, usize), text: String },
}

/// Draws a diagram. Its colours are those of the text around it; a page can choose others with the variables
/// `--client`, `--server` and `--danger` of CSS.
///
/// # Errors
/// A line that this function does not know. Nothing is left out.
pub fn draw(diagram: &str) -> Result<String> {
    let (names, items) = parse(diagram)?;
    let gap = gap(&names, &items);
    let head = |name: &String| width(name) + 2.0 * SPACE;
    let margin = names.iter().map(|name| head(name) / 2.0).fold(0.0, f64::max) + SPACE;
    let x = |place: usize| margin + gap * place as f64;
    let total = x(names.len() - 1) + margin;
    let bottom = HEAD + ROW * items.len() as f64 + SPACE;
    let height = bottom + SPACE / 2.0;

    // The width is in em of the text around the picture, so the size of the letters is set inside of it.
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"sequence\" role=\"img\" viewBox=\"0 0 {total:.0} {height:.0}\" \
         width=\"{:.1}em\" style=\"max-width:100%;height:auto\" fill=\"currentColor\" \
         text-anchor=\"middle\"><title>{}</title><desc>{}</desc><g font-size=\"{LETTER}\">",
        total / LETTER,
        escape(&names.join(", ")),
        escape(&described(&names, &items)),
    );
    for (place, name) in names.iter().enumerate() {
        let (x, width) = (x(place), head(name));
        let color = color(name);
        svg += &format!(
            "<path d=\"M{x:.0} {HEAD}V{bottom:.0}\" stroke=\"currentColor\" opacity=\".45\"/>\
             <rect x=\"{:.0}\" y=\"2\" width=\"{width:.0}\" height=\"{:.0}\" rx=\"5\" fill=\"none\" style=\"stroke:{color}\"/>\
             <text x=\"{x:.0}\" y=\"{:.0}\" font-weight=\"bold\" style=\"fill:{color}\">{}</text>",
            x - width / 2.0,
            HEAD - 4.0,
            HEAD / 2.0 + LETTER * 0.35,
            escape(name)
        );
    }
    for (row, item) in items.iter().enumerate() {
        let y = HEAD + ROW * (row as f64 + 0.75);
        match item {
            Item::Arrow { from, to, is_dotted, has_cross, label } => {
                let color =
                    if *has_cross { "var(--danger,currentColor)" } else { color(&names[*from]) };
                svg += &arrow((x(*from), x(*to)), y, *is_dotted, *has_cross, color);
                svg += &format!(
                    "<text x=\"{:.0}\" y=\"{:.0}\">{}</text>",
                    (x(*from) + x(*to)) / 2.0,
                    y - 7.0,
                    escape(label)
                );
            }
            Item::Note { over, text } => {
                let middle = (x(over.0) + x(over.1)) / 2.0;
                let width = (x(over.1) - x(over.0)).max(width(text)) + 2.0 * SPACE;
                svg += &format!(
                    "<rect x=\"{:.0}\" y=\"{:.0}\" width=\"{width:.0}\" height=\"{:.0}\" rx=\"3\" opacity=\".12\"/>\
                     <text x=\"{middle:.0}\" y=\"{:.0}\">{}</text>",
                    middle - width / 2.0,
                    y - ROW * 0.5,
                    ROW * 0.72,
                    y - ROW * 0.14 + LETTER * 0.35,
                    escape(text)
                );
            }
        }
    }
    svg += "</g></svg>";
    Ok(svg)
}

/// The names of the participants, and what happens between them.
fn parse(diagram: &str) -> Result<(Vec<String>, Vec<Item>)> {
    let mut lines = diagram.lines().map(str::trim).filter(|line| !line.is_empty());
    ensure!(
        lines.next() == Some("sequenceDiagram"),
        "a diagram does not begin with sequenceDiagram"
    );
    let mut names = Vec::new();
    let mut items = Vec::new();
    for line in lines {
        let unknown = || format!("this line of a diagram cannot be drawn: {line}");
        if let Some(name) = line.strip_prefix("participant ") {
            names.push(name.trim().to_string());
            continue;
        }
        let (what, text) = line.split_once(':').with_context(unknown)?;
        let text = unescape(text.trim()).with_context(unknown)?;
        let place = |name: &str| -> Result<usize> {
            names.iter().position(|known| known == name.trim()).with_context(unknown)
        };
        items.push(if let Some(over) = what.strip_prefix("Note over ") {
            let (first, last) = over.split_once(',').unwrap_or((over, over));
            let (first, last) = (place(first)?, place(last)?);
            Item::Note { over: (first.min(last), first.max(last)), text }
        } else {
            // The longer one first: the shorter one is a part of it.
            let mut known =
                [("-->>", true, false), ("->>", false, false), ("-x", false, true)].into_iter();
            let arrow = known.find_map(|(sign, is_dotted, has_cross)| {
                what.split_once(sign).map(|(from, to)| (from, to, is_dotted, has_cross))
            });
            let (from, to, is_dotted, has_cross) = arrow.with_context(unknown)?;
            let (from, to) = (place(from)?, place(to)?);
            ensure!(from != to, unknown());
            Item::Arrow { from, to, is_dotted, has_cross, label: text }
        });
    }
    ensure!(!names.is_empty(), "a diagram has no participant");
    Ok((names, items))
}

/// The space between two lifelines: the longest label fits.
fn gap(names: &[String], items: &[Item]) -> f64 {
    let label = |item: &Item| match item {
        Item::Arrow { from, to, label, .. } => {
            (width(label) + 3.0 * SPACE) / from.abs_diff(*to) as f64
        }
        // A note may be wider than the space between its lifelines.
        Item::Note { over, text } if over.0 < over.1 => width(text) / (over.1 - over.0) as f64,
        Item::Note { text, .. } => width(text) / 2.0 + SPACE,
    };
    let name = names.iter().map(|name| width(name) + 4.0 * SPACE);
    items.iter().map(label).chain(name).fold(240.0, f64::max)
}

/// About how wide a text is. The picture does not know the font.
fn width(text: &str) -> f64 {
    let letter = |letter: char| match letter {
        'i' | 'j' | 'l' | 't' | 'f' | 'r' | 'I' | ' ' | '.' | ',' | ':' | '"' | '\\' | '/' => 0.36,
        'm' | 'w' | 'M' | 'W' => 0.9,
        'A'..='Z' => 0.7,
        letter if letter.is_ascii() => 0.58,
        _ => 1.0,
    };
    text.chars().map(letter).sum::<f64>() * LETTER
}

/// The colour of a participant.
fn color(name: &str) -> &'static str {
    match name {
        "client" => "var(--client,currentColor)",
        "server" => "var(--server,currentColor)",
        _ => "currentColor",
    }
}

/// A line with its end: a point, or a cross where the connection is aborted.
fn arrow((from, to): (f64, f64), y: f64, is_dotted: bool, has_cross: bool, color: &str) -> String {
    let back = if to > from { -1.0 } else { 1.0 };
    let dots = if is_dotted { " stroke-dasharray=\"2 5\" stroke-linecap=\"round\"" } else { "" };
    // The line ends before the lifeline, so that its end is seen.
    let end = to + back * if has_cross { 11.0 } else { 3.0 };
    let line = format!(
        "<path d=\"M{from:.0} {y:.0}H{:.0}\" fill=\"none\" stroke-width=\"2\"{dots} style=\"stroke:{color}\"/>",
        end + back * if has_cross { 0.0 } else { 8.0 }
    );
    if has_cross {
        let (left, right, up, down) = (end - 7.0, end + 7.0, y - 7.0, y + 7.0);
        return format!(
            "{line}<path class=\"cross\" d=\"M{left:.0} {up:.0}L{right:.0} {down:.0}M{left:.0} {down:.0}L{right:.0} {up:.0}\" \
             fill=\"none\" stroke-width=\"3\" style=\"stroke:{color}\"/>"
        );
    }
    let base = end + back * 11.0;
    let (up, down) = (y - 5.0, y + 5.0);
    format!(
        "{line}<path d=\"M{end:.0} {y:.0}L{base:.0} {up:.0}V{down:.0}Z\" style=\"fill:{color}\"/>"
    )
}

/// The diagram as text, for those who cannot see it.
fn described(names: &[String], items: &[Item]) -> String {
    let line = |item: &Item| match item {
        Item::Arrow { from, to, label, .. } => {
            format!("{} → {}: {label}", names[*from], names[*to])
        }
        Item::Note { text, .. } => text.clone(),
    };
    items.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// The text with the characters that Mermaid has as numbers: `#59;`.
fn unescape(text: &str) -> Result<String> {
    let mut parts = text.split('#');
    let mut plain = parts.next().unwrap_or_default().to_string();
    for part in parts {
        let Some((number, rest)) = part.split_once(';') else { bail!("# without a number") };
        plain.push(
            number.parse().ok().and_then(char::from_u32).context("no number of a character")?,
        );
        plain += rest;
    }
    Ok(plain)
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
