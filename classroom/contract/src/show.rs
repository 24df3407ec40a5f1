//! Bytes as a person can read them. A server cannot drive the terminal: a control character, or one that hides or turns
//! the text around it, is shown as its number.

use std::fmt::Write as _;

/// The bytes line by line, their line ends visible as `\r\n` or `\n`; at most `most` bytes, and at most
/// `lines` lines. If that is less than all, a last line says how many bytes there were: `all`.
pub fn visible(bytes: &[u8], all: usize, most: usize, lines: usize) -> Vec<String> {
    if bytes.is_empty() {
        return vec!["(nothing)".to_string()];
    }
    let mut shown = Vec::new();
    let mut line = String::new();
    let mut used = 0;
    for c in lossy(&bytes[..bytes.len().min(most)]) {
        used += c.len_utf8();
        line.push_str(&escape(c));
        if c == '\n' {
            shown.push(std::mem::take(&mut line));
            if shown.len() == lines {
                break;
            }
        }
    }
    if !line.is_empty() {
        shown.push(line);
    }
    if used < all {
        shown.push(format!("… ({all} bytes in all)"));
    }
    shown
}

/// The text in quotes, on one line, at most `most` characters of it.
pub fn in_quotes(text: impl AsRef<[u8]>, most: usize) -> String {
    let bytes = text.as_ref();
    // No character has more than four bytes.
    let chars = lossy(&bytes[..bytes.len().min(4 * most + 4)]);
    let mut shown: String = chars.iter().take(most).map(|c| escape(*c)).collect();
    if chars.len() > most {
        let _ = write!(shown, "…\" ({} bytes", bytes.len());
        return format!("\"{shown})");
    }
    format!("\"{shown}\"")
}

/// The characters of UTF-8; bytes that are none become the replacement character.
fn lossy(bytes: &[u8]) -> Vec<char> {
    let mut chars = Vec::new();
    for chunk in bytes.utf8_chunks() {
        chars.extend(chunk.valid().chars());
        if !chunk.invalid().is_empty() {
            chars.push(char::REPLACEMENT_CHARACTER);
        }
    }
    chars
}

/// A character as it is shown.
fn escape(c: char) -> String {
    match c {
        '"' | '\'' => c.to_string(),
        // Control, format and private characters of Unicode, and unusual spaces, become escapes.
        c => c.escape_debug().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_ends_are_visible() {
        assert_eq!(visible(b"a\r\nb\n\r\nc", 7, 100, 9), ["a\\r\\n", "b\\n", "\\r\\n", "c"]);
        assert_eq!(visible(b"", 0, 100, 9), ["(nothing)"]);
    }

    #[test]
    fn what_is_long_is_cut() {
        assert_eq!(visible(&[b'x'; 500], 500, 3, 9), ["xxx", "… (500 bytes in all)"]);
        assert_eq!(visible(b"1\n2\n3\n4\n", 8, 100, 2), ["1\\n", "2\\n", "… (8 bytes in all)"]);
        assert_eq!(in_quotes("x".repeat(50), 3), "\"xxx…\" (50 bytes)");
        assert_eq!(in_quotes("가나다", 3), "\"가나다\"");
    }

    #[test]
    fn nothing_drives_the_terminal() {
        let wild = "\x1b[2J\u{7}\u{9b}\u{202e}\u{2066}\u{61c}\u{feff}\u{200b}\u{e000}\0\x7f";
        for shown in [visible(wild.as_bytes(), wild.len(), 100, 9).concat(), in_quotes(wild, 100)] {
            assert!(shown.is_ascii(), "{shown}");
            assert!(!shown.contains(|c: char| c.is_control()), "{shown}");
        }
        assert_eq!(visible(b"\xff\xfe", 2, 10, 1), ["\u{fffd}\u{fffd}"]);
        assert_eq!(in_quotes("안녕 \"q\" \\", 20), "\"안녕 \"q\" \\\\\"");
    }
}
