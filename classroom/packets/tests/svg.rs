//! Diagrams become pictures, and none of their lines is lost.

use anyhow::{Context, Result};
use packets::svg::draw;
use std::fs;
use std::path::Path;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// The texts of the diagrams in an edition of the notes.
fn diagrams(edition: &str) -> Result<Vec<String>> {
    let notes = fs::read_to_string(Path::new(ROOT).join(edition))?;
    let blocks = notes.split("\n```mermaid\n").skip(1);
    blocks.map(|block| Ok(block.split("```").next().context("no end")?.to_string())).collect()
}

#[test]
fn every_diagram_of_the_notes_can_be_drawn() -> Result<()> {
    let mut counts = Vec::new();
    for edition in ["NOTES.md", "NOTES.ko.md"] {
        let diagrams = diagrams(edition)?;
        counts.push(diagrams.len());
        for diagram in diagrams {
            let svg = draw(&diagram).with_context(|| diagram.clone())?;
            let crosses = svg.matches("class=\"cross\"").count();
            assert_eq!(crosses, diagram.matches("-x").count(), "{diagram}");
            assert_eq!(svg.matches("stroke-dasharray").count(), diagram.matches("-->>").count());
            let labels = diagram.matches(": ").count();
            let names = diagram.matches("participant ").count();
            assert_eq!(svg.matches("<text").count(), labels + names, "{diagram}");
        }
    }
    assert!(counts[0] > 10 && counts[0] == counts[1], "{counts:?}");
    Ok(())
}

#[test]
fn a_reset_has_a_cross_and_text_is_escaped() -> Result<()> {
    let svg = draw(
        "sequenceDiagram\n participant client\n participant server\n\
         client->>server: 9 bytes \"#60;a#62; #38; #35;#59;\"\n server-xclient: RST\n",
    )?;
    assert_eq!(svg.matches("class=\"cross\"").count(), 1);
    assert!(svg.contains(">9 bytes \"&lt;a&gt; &amp; #;\"</text>"), "{svg}");
    assert!(
        svg.contains(" role=\"img\"") && svg.contains("<title>client, server</title>"),
        "{svg}"
    );
    assert!(svg.contains("\nserver → client: RST</desc>"), "{svg}");
    // A font size of the picture itself would change what an em of its width is.
    let (tag, _) = svg.split_once('>').context("no tag")?;
    assert!(tag.contains("em\"") && !tag.contains("font-size"), "{tag}");
    Ok(())
}

#[test]
fn an_unknown_line_is_an_error() {
    let error = |line: &str| {
        let diagram =
            format!("sequenceDiagram\n participant client\n participant server\n{line}\n");
        draw(&diagram).unwrap_err().to_string()
    };
    for line in [
        "loop every second",
        "client->server: SYN",
        "client->>router: SYN",
        "client->>client: SYN",
        "client->>server: #x;",
        "Note left of client: SYN",
    ] {
        assert_eq!(error(line), format!("this line of a diagram cannot be drawn: {line}"));
    }
    assert_eq!(
        draw("graph TD\n").unwrap_err().to_string(),
        "a diagram does not begin with sequenceDiagram"
    );
    assert_eq!(draw("sequenceDiagram\n").unwrap_err().to_string(), "a diagram has no participant");
}
