//! The sentence of the notes that speaks of a piece of code, in both languages.
//!
//! The English one is chosen by the words that it has in common with the piece, rare ones more than others; the
//! Korean one is what stands in its place in the other edition.

use super::cut::{Piece, words};
use crate::notes::split_sections;
use anyhow::{Context, Result, ensure};
use pulldown_cmark::{CodeBlockKind, CowStr, Event, Options, Parser, Tag, TagEnd, html};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// How long two sentences may be together, in characters of what is shown.
const MAX_LENGTH: usize = 220;

/// A sentence with at least this score speaks of a piece.
const ENOUGH: f64 = 7.0;

/// The same outside of `src`.
const ENOUGH_ELSEWHERE: f64 = 20.0;

/// What a sentence gains if the code of the piece is quoted right below its paragraph.
const QUOTED: f64 = 8.0;

/// What a sentence gains if it names an item that the piece declares.
const DECLARED: f64 = 5.0;

/// A sentence of the notes.
#[derive(Clone, Debug)]
pub struct Sentence {
    /// As HTML: code is kept, and links to the world are.
    pub html: String,
    /// As text, its code between backticks.
    pub text: String,
    /// The number of the part in which it is: each begins with bold words.
    pub part: usize,
    /// The number of its paragraph.
    paragraph: usize,
    /// The number of the stretch between two things that both editions have.
    stretch: usize,
    /// The code in it.
    code: Vec<String>,
    /// Whether it says nothing but in which file something is.
    is_pointer: bool,
    /// The file and the code that is quoted right below its paragraph.
    quote: Option<(String, String)>,
}

/// The sentences of a section in both languages.
pub struct Section {
    /// The English ones in order.
    pub english: Vec<Sentence>,
    /// The Korean ones in order.
    pub korean: Vec<Sentence>,
    /// For each English sentence the Korean ones that say the same.
    same: Vec<Range<usize>>,
}

/// A sentence for a piece in both languages, as HTML.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    /// In English.
    pub english: String,
    /// In Korean.
    pub korean: String,
    /// Whether it speaks of the piece; it is the first sentence of the section otherwise.
    pub found: bool,
    /// How well it fits.
    pub score: f64,
}

impl Section {
    /// Finds the section with this English heading in both editions of the notes.
    ///
    /// # Errors
    /// There is no such section.
    pub fn find(english: &str, korean: &str, title: &str) -> Result<Section> {
        let sections = split_sections(english);
        let place = sections.iter().position(|section| {
            section.lines().next().is_some_and(|line| line.trim_start_matches("## ") == title)
        });
        let place = place.with_context(|| format!("NOTES.md has no section {title:?}"))?;
        let korean = *split_sections(korean)
            .get(place)
            .context("NOTES.ko.md has fewer sections than NOTES.md")?;
        let (english, korean) = (sentences(sections[place]), sentences(korean));
        ensure!(!english.is_empty() && !korean.is_empty(), "the section {title:?} is empty");
        let same = align(&english, &korean);
        Ok(Section { english, korean, same })
    }

    /// Chooses the sentence for each of these pieces of a stage.
    pub fn choose(&self, pieces: &[(&str, &Piece)]) -> Vec<Choice> {
        let words: Vec<Words> = pieces.iter().map(|(_, piece)| Words::of_piece(piece)).collect();
        let said: Vec<Words> = self.english.iter().map(Words::of_sentence).collect();
        let rare =
            Rare { pieces: count(&words), sentences: count(&said), all: (words.len(), said.len()) };
        let mut choices = Vec::new();
        for ((path, piece), of_piece) in pieces.iter().zip(&words) {
            let scores: Vec<f64> = self
                .english
                .iter()
                .zip(&said)
                .map(|(sentence, said)| score(path, piece, of_piece, sentence, said, &rare))
                .collect();
            let best = (0..scores.len())
                .max_by(|one, other| scores[*one].total_cmp(&scores[*other]).then(other.cmp(one)));
            choices.push(match best {
                // The first line of a stage says what is new, as the first sentence of its section does.
                _ if *path == "src/main.rs" && adds(piece, "//! Stage ") => {
                    self.choice(&[0], ENOUGH)
                }
                Some(best)
                    if scores[best]
                        >= if path.starts_with("src/") { ENOUGH } else { ENOUGH_ELSEWHERE } =>
                {
                    self.choice(&self.with_neighbour(best, &scores), scores[best])
                }
                _ => self.fallback(best.map_or(0.0, |best| scores[best])),
            });
        }
        choices
    }

    /// The sentence itself, and the one before or after it if it belongs to it and both are short.
    fn with_neighbour(&self, best: usize, scores: &[f64]) -> Vec<usize> {
        let near = |at: usize| {
            let (one, other) = (&self.english[best], self.english.get(at)?);
            let length = one.text.chars().count() + 1 + other.text.chars().count();
            (one.paragraph == other.paragraph && length <= MAX_LENGTH && !other.is_pointer)
                .then_some(at)
        };
        let before = best.checked_sub(1).and_then(near);
        let after = near(best + 1);
        // A sentence that begins like this speaks of what the one before it names.
        let first = self.english[best].text.split(|letter: char| !letter.is_alphabetic()).next();
        let leans = [
            "It", "They", "This", "These", "Then", "So", "But", "Both", "Its", "Their", "That",
            "If", "There",
        ];
        if let Some(before) = before
            && leans.contains(&first.unwrap_or_default())
            && first != Some("If")
            && first != Some("There")
        {
            return vec![before, best];
        }
        let worth = |at: &usize| scores[*at] >= ENOUGH && scores[*at] >= 0.6 * scores[best];
        match (before.filter(worth), after.filter(worth)) {
            (Some(before), Some(after)) if scores[before] > scores[after] => vec![before, best],
            (_, Some(after)) => vec![best, after],
            (Some(before), None) => vec![before, best],
            (None, None) => vec![best],
        }
    }

    fn choice(&self, english: &[usize], score: f64) -> Choice {
        let korean: BTreeSet<usize> =
            english.iter().flat_map(|at| self.same[*at].clone()).collect();
        let korean: Vec<usize> = korean.into_iter().collect();
        Choice {
            english: join(&self.english, english),
            korean: join(&self.korean, &korean),
            found: true,
            score,
        }
    }

    /// What stands beside a piece of which no sentence speaks: the first sentence of "What is new".
    pub fn fallback(&self, score: f64) -> Choice {
        Choice { found: false, ..self.choice(&[0], score) }
    }

    /// The choice of sentences that begin with these words.
    ///
    /// # Errors
    /// Words with which no sentence or more than one begins.
    pub fn named(&self, english: &[String], korean: &[String]) -> Result<Choice> {
        let find = |sentences: &[Sentence], start: &String| {
            let mut found =
                (0..sentences.len()).filter(|at| sentences[*at].text.starts_with(start.as_str()));
            let first =
                found.next().with_context(|| format!("no sentence begins with {start:?}"))?;
            ensure!(found.next().is_none(), "more than one sentence begins with {start:?}");
            Ok(first)
        };
        let english = english
            .iter()
            .map(|start| find(&self.english, start))
            .collect::<Result<Vec<usize>>>()?;
        let korean =
            korean.iter().map(|start| find(&self.korean, start)).collect::<Result<Vec<usize>>>()?;
        ensure!(!english.is_empty() && !korean.is_empty(), "a sentence is named in both languages");
        Ok(Choice {
            english: join(&self.english, &english),
            korean: join(&self.korean, &korean),
            found: true,
            score: f64::INFINITY,
        })
    }

    /// The file of which the section first quotes a line that these pieces add.
    pub fn first_file(&self, pieces: &[(&str, &Piece)]) -> Option<String> {
        let quotes = self
            .english
            .iter()
            .filter(|sentence| sentence.part > 0)
            .filter_map(|sentence| sentence.quote.as_ref());
        let mut quotes = quotes.filter(|(file, code)| {
            pieces.iter().any(|(path, piece)| {
                file.ends_with(&format!("/{path}")) && overlap(piece, code) > 0.0
            })
        });
        let (file, _) = quotes.next()?;
        pieces
            .iter()
            .find(|(path, _)| file.ends_with(&format!("/{path}")))
            .map(|(path, _)| path.to_string())
    }
}

fn join(sentences: &[Sentence], chosen: &[usize]) -> String {
    chosen.iter().map(|at| sentences[*at].html.as_str()).collect::<Vec<_>>().join(" ")
}

/// The words of a piece or of a sentence: names as they are written, and all words in small letters.
struct Words {
    names: BTreeSet<String>,
    words: BTreeSet<String>,
}

/// How often each word occurs.
struct Rare {
    pieces: BTreeMap<String, usize>,
    sentences: BTreeMap<String, usize>,
    all: (usize, usize),
}

impl Rare {
    /// How rare a word is: more if few pieces and few sentences have it.
    fn weight(&self, word: &str) -> f64 {
        let rare = |counts: &BTreeMap<String, usize>, all: usize| {
            let count = counts.get(word).copied().unwrap_or(0).max(1);
            (1.0 + all as f64 / count as f64).ln()
        };
        (rare(&self.pieces, self.all.0) * rare(&self.sentences, self.all.1)).sqrt()
    }
}

impl Words {
    fn of_piece(piece: &Piece) -> Words {
        let mut found = Words { names: BTreeSet::new(), words: BTreeSet::new() };
        for row in piece.rows.iter().filter(|row| matches!(row.tag, '-' | '+')) {
            found.add(&row.text, true);
        }
        found
    }

    fn of_sentence(sentence: &Sentence) -> Words {
        let mut found = Words { names: BTreeSet::new(), words: BTreeSet::new() };
        for code in &sentence.code {
            found.add(code, true);
        }
        found.add(&sentence.text, false);
        found
    }

    fn add(&mut self, text: &str, is_code: bool) {
        for word in words(text).filter(|word| {
            word.len() > 1 && !COMMON.contains(word) && ladder::number(word).is_none()
        }) {
            let has_shape = word.contains('_')
                || word.chars().skip(1).any(char::is_uppercase)
                || word.chars().all(|c| c.is_ascii_digit());
            if is_code || has_shape {
                self.names.insert(word.to_string());
            }
            for part in parts(word) {
                if part.len() > 2 && !COMMON.contains(&part.as_str()) {
                    self.words.insert(stem(&part));
                }
            }
        }
    }
}

/// Words that are so common that they do not count.
const COMMON: [&str; 65] = [
    "the", "and", "for", "with", "that", "this", "from", "not", "are", "has", "its", "one", "let",
    "mut", "pub", "self", "use", "fn", "impl", "struct", "match", "if", "else", "return", "new",
    "ok", "some", "none", "str", "string", "result", "option", "into", "each", "can", "all", "is",
    "it", "as", "at", "of", "to", "in", "an", "by", "or", "be", "which", "who", "what", "then",
    "than", "there", "here", "only", "crate", "true", "false", "stage", "std", "src", "also",
    "async", "await", "cargo",
];

/// `read_line` and `ReadLine` are two words each.
fn parts(word: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut last_lower = false;
    for letter in word.chars() {
        if letter == '_' || letter.is_uppercase() && last_lower {
            parts.push(String::new());
        }
        last_lower = letter.is_lowercase();
        if let (true, Some(part)) = (letter != '_', parts.last_mut()) {
            part.extend(letter.to_lowercase());
        }
    }
    parts.retain(|part| !part.is_empty());
    parts
}

/// A word without the ending that says in which form it is.
fn stem(word: &str) -> String {
    for ending in ["ings", "ing", "ies", "ied", "ers", "er", "ed", "es", "s", "e", "y"] {
        if let Some(stem) = word.strip_suffix(ending)
            && stem.len() > 2
        {
            return stem.to_string();
        }
    }
    word.to_string()
}

fn count(all: &[Words]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for words in all {
        for word in
            words.names.iter().chain(words.words.iter().filter(|word| !words.names.contains(*word)))
        {
            *counts.entry(word.clone()).or_insert(0) += 1;
        }
    }
    counts
}

/// How well a sentence fits a piece.
fn score(
    path: &str,
    piece: &Piece,
    of_piece: &Words,
    sentence: &Sentence,
    said: &Words,
    rare: &Rare,
) -> f64 {
    // The parts that only say how to run the stage, and the numbers and exercises, explain no code.
    let part = match sentence.part {
        0 => 1.0,
        2 => 0.7,
        3 | 4 => 1.0,
        _ => 0.0,
    };
    if part == 0.0 || sentence.is_pointer {
        return 0.0;
    }
    let names: f64 =
        said.names.intersection(&of_piece.names).map(|name| 2.0 * rare.weight(name)).sum();
    let words: f64 =
        said.words.intersection(&of_piece.words).map(|word| 0.8 * rare.weight(word)).sum();
    let mut score = (names + words) / (1.0 + 0.02 * said.words.len() as f64);
    if let Some((file, code)) = &sentence.quote
        && file.ends_with(&format!("/{path}"))
    {
        score += QUOTED * overlap(piece, code);
    }
    if declared(piece)
        .iter()
        .any(|name| sentence.code.iter().any(|code| words_of(code).contains(&name.as_str())))
    {
        score += DECLARED;
    }
    score * part
}

/// Whether a piece adds a line that begins like this.
fn adds(piece: &Piece, start: &str) -> bool {
    piece.rows.iter().any(|row| row.tag == '+' && row.text.starts_with(start))
}

fn words_of(code: &str) -> Vec<&str> {
    words(code).collect()
}

/// The names of the items that a piece declares.
fn declared(piece: &Piece) -> Vec<String> {
    let mut names = Vec::new();
    for row in piece.rows.iter().filter(|row| row.tag == '+' || row.tag == '-') {
        let words: Vec<&str> = words(&row.text).collect();
        for pair in words.windows(2) {
            if ["fn", "struct", "enum", "const", "mod", "type"].contains(&pair[0])
                && !row.text.trim_start().starts_with("//")
            {
                names.push(pair[1].to_string());
            }
        }
    }
    names
}

/// Which part of a quote is in a piece, or which part of a piece is in the quote: the larger one.
fn overlap(piece: &Piece, code: &str) -> f64 {
    let is_line = |line: &&str| line.chars().filter(|c| c.is_alphanumeric()).count() > 3;
    let quoted: BTreeSet<&str> = code.lines().map(str::trim).filter(is_line).collect();
    let added: Vec<&str> = piece
        .rows
        .iter()
        .filter(|row| row.tag == '+')
        .map(|row| row.text.trim())
        .filter(is_line)
        .collect();
    if quoted.is_empty() || added.is_empty() {
        return 0.0;
    }
    let both = added.iter().filter(|line| quoted.contains(*line)).count() as f64;
    f64::max(both / quoted.len() as f64, both / added.len() as f64).min(1.0)
}

/// All sentences of a section.
fn sentences(section: &str) -> Vec<Sentence> {
    let mut found: Vec<Sentence> = Vec::new();
    let (mut part, mut parts, mut paragraph, mut stretch) = (0, 0, 0, 0);
    let mut events: Vec<Event> = Vec::new();
    let mut is_text = false;
    let mut file = None;
    let mut code: Option<(String, String)> = None;
    let (mut in_table, mut cell) = (false, 0);
    let mut end = |events: &mut Vec<Event>,
                   part: &mut usize,
                   stretch: &mut usize,
                   paragraph: usize,
                   found: &mut Vec<Sentence>| {
        let events = std::mem::take(events);
        let begins = matches!(events.first(), Some(Event::Start(Tag::Strong)));
        let events = if begins {
            *part = parts;
            parts += 1;
            *stretch += 1;
            let after = events
                .iter()
                .position(|event| *event == Event::End(TagEnd::Strong))
                .map_or(0, |at| at + 1);
            events[after..].to_vec()
        } else {
            events
        };
        for events in split(events) {
            found.extend(sentence(&events, *part, paragraph, *stretch));
        }
    };
    for event in Parser::new_ext(section, Options::ENABLE_TABLES) {
        match event {
            Event::Start(Tag::Table(_)) => {
                end(&mut events, &mut part, &mut stretch, paragraph, &mut found);
                stretch += 1;
                in_table = true;
            }
            Event::End(TagEnd::Table) => {
                stretch += 1;
                in_table = false;
                is_text = false;
            }
            // A row is a sentence that a person can choose: its first cell, an arrow, and its second cell.
            Event::Start(Tag::TableRow) => {
                (cell, is_text) = (0, true);
            }
            Event::End(TagEnd::TableRow) => {
                paragraph += 1;
                let row = sentence(&std::mem::take(&mut events), part, paragraph, stretch);
                found.extend(row.map(|row| Sentence { is_pointer: true, ..row }));
            }
            Event::Start(Tag::TableCell) if in_table => {
                cell += 1;
                is_text = cell <= 2;
                if cell == 2 {
                    events.push(Event::Text(" → ".into()));
                }
            }
            Event::End(TagEnd::TableCell) => {}
            Event::End(TagEnd::TableHead) => events.clear(),
            Event::Start(Tag::Paragraph | Tag::Item) => {
                end(&mut events, &mut part, &mut stretch, paragraph, &mut found);
                paragraph += 1;
                is_text = true;
                file = None;
            }
            Event::End(TagEnd::Paragraph | TagEnd::Item) => {
                end(&mut events, &mut part, &mut stretch, paragraph, &mut found);
                is_text = false;
            }
            Event::Start(Tag::CodeBlock(kind)) => {
                end(&mut events, &mut part, &mut stretch, paragraph, &mut found);
                is_text = false;
                stretch += 1;
                let quoted = match &kind {
                    CodeBlockKind::Fenced(info) => ["rust", "toml", "ini", "sh"].contains(&&**info),
                    CodeBlockKind::Indented => false,
                };
                code = file.take().filter(|_| quoted).map(|file| (file, String::new()));
            }
            Event::End(TagEnd::CodeBlock) => {
                for sentence in
                    found.iter_mut().rev().take_while(|sentence| sentence.paragraph == paragraph)
                {
                    if sentence.quote.is_none() {
                        sentence.quote.clone_from(&code);
                    }
                }
                code = None;
                paragraph += 1;
                is_text = true;
            }
            Event::Text(ref text) if code.is_some() => {
                if let Some((_, code)) = &mut code {
                    code.push_str(text);
                }
            }
            Event::Start(Tag::Link { ref dest_url, .. }) if is_text => {
                file = Some(dest_url.to_string());
                events.push(event);
            }
            event if is_text => events.push(event),
            _ => {}
        }
    }
    found
}

/// The events of a paragraph, sentence by sentence.
fn split(events: Vec<Event<'_>>) -> Vec<Vec<Event<'_>>> {
    let mut sentences = vec![Vec::new()];
    // A full stop ends a sentence if a space or nothing follows it.
    let mut depth = 0;
    let mut brackets = 0i32;
    let mut ended = false;
    for event in events {
        if let Event::Text(text) = &event {
            let mut rest = String::new();
            let letters: Vec<char> = text.chars().collect();
            for (at, letter) in letters.iter().enumerate() {
                if ended && depth == 0 && brackets <= 0 && letter.is_whitespace() {
                    push(&mut sentences, Event::Text(std::mem::take(&mut rest).into()));
                    sentences.push(Vec::new());
                    ended = false;
                    continue;
                }
                rest.push(*letter);
                brackets += i32::from(*letter == '(') - i32::from(*letter == ')');
                let stop = matches!(letter, '.' | '?' | '!');
                // `10. ` and `e.g. ` do not occur, a version such as 3.2.1 does.
                let more = letters.get(at + 1).is_some_and(|next| !next.is_whitespace());
                ended = match letter {
                    _ if stop => !more,
                    ')' | '"' | '”' => {
                        ended || at > 0 && matches!(letters[at - 1], '.' | '?' | '!')
                    }
                    _ => false,
                };
            }
            push(&mut sentences, Event::Text(rest.into()));
            continue;
        }
        match &event {
            Event::SoftBreak | Event::HardBreak if ended && depth == 0 && brackets <= 0 => {
                sentences.push(Vec::new());
                ended = false;
                continue;
            }
            Event::Start(_) => depth += 1,
            Event::End(_) => depth -= 1,
            Event::Code(_) => ended = false,
            _ => {}
        }
        push(&mut sentences, event);
    }
    sentences
}

fn push<'a>(sentences: &mut [Vec<Event<'a>>], event: Event<'a>) {
    if let Some(last) = sentences.last_mut()
        && event != Event::Text(CowStr::Borrowed(""))
    {
        last.push(event);
    }
}

/// A sentence from its events; nothing without letters is one.
fn sentence(events: &[Event], part: usize, paragraph: usize, stretch: usize) -> Option<Sentence> {
    let mut text = String::new();
    let mut code = Vec::new();
    let mut shown = Vec::new();
    let mut kept = Vec::new();
    let mut points = false;
    for event in events {
        match event {
            Event::Text(words) => text.push_str(words),
            Event::Code(words) => {
                text.push_str(&format!("`{words}`"));
                code.push(words.to_string());
            }
            Event::SoftBreak | Event::HardBreak => {
                text.push(' ');
                shown.push(Event::Text(" ".into()));
                continue;
            }
            // The page is used without the repository: a link into it is dropped.
            Event::Start(Tag::Link { dest_url, .. }) => {
                let outside = dest_url.starts_with("https://");
                points |= !outside;
                kept.push(outside);
                if !outside {
                    continue;
                }
            }
            Event::End(TagEnd::Link) if kept.pop() != Some(true) => continue,
            Event::Start(Tag::Image { .. })
            | Event::End(TagEnd::Image)
            | Event::Html(_)
            | Event::InlineHtml(_) => return None,
            _ => {}
        }
        shown.push(event.clone());
    }
    let text = text.trim().to_string();
    if !text.chars().any(char::is_alphabetic) {
        return None;
    }
    let mut html = String::new();
    html::push_html(&mut html, shown.into_iter());
    let is_pointer = points && text.split_whitespace().count() < 9;
    // What follows the colon in the notes does not stand beside the piece.
    let html =
        html.trim().strip_suffix(':').map_or(html.trim().to_string(), |html| format!("{html}."));
    Some(Sentence { html, text, part, paragraph, stretch, code, is_pointer, quote: None })
}

/// For each English sentence the Korean ones that say the same: between two things that both editions have, sentences
/// stand in the same order, are about as long, and name the same things.
fn align(english: &[Sentence], korean: &[Sentence]) -> Vec<Range<usize>> {
    let mut same = vec![0..0; english.len()];
    let last = english.last().map_or(0, |sentence| sentence.stretch);
    for stretch in 0..=last {
        let of = |sentences: &[Sentence]| {
            let start = sentences.partition_point(|sentence| sentence.stretch < stretch);
            let end = sentences.partition_point(|sentence| sentence.stretch <= stretch);
            start..end
        };
        let (left, right) = (of(english), of(korean));
        for (one, other) in align_stretch(&english[left.clone()], &korean[right.clone()]) {
            for at in one {
                same[left.start + at] = right.start + other.start..right.start + other.end;
            }
        }
    }
    same
}

fn align_stretch(english: &[Sentence], korean: &[Sentence]) -> Vec<(Range<usize>, Range<usize>)> {
    const MOVES: [(usize, usize, f64); 6] =
        [(1, 1, 0.0), (1, 2, 0.7), (2, 1, 0.7), (2, 2, 1.2), (3, 1, 1.6), (1, 3, 1.6)];
    let length = |sentences: &[Sentence]| {
        sentences.iter().map(|one| one.text.chars().count()).sum::<usize>() as f64
    };
    let ratio = length(korean) / length(english).max(1.0);
    let latin: Vec<BTreeSet<String>> = english.iter().map(|one| latin(&one.text)).collect();
    let other: Vec<BTreeSet<String>> = korean.iter().map(|one| self::latin(&one.text)).collect();
    let price = |one: &Range<usize>, two: &Range<usize>| {
        let lengths =
            (length(&korean[two.clone()]) + 4.0) / (length(&english[one.clone()]) * ratio + 4.0);
        let all: BTreeSet<&String> = latin[one.clone()].iter().flatten().collect();
        let named: BTreeSet<&String> = other[two.clone()].iter().flatten().collect();
        let both = named.intersection(&all).count() as f64;
        let less = named.len() as f64 - both;
        let paragraphs = |sentences: &[Sentence]| {
            sentences.windows(2).any(|pair| pair[0].paragraph != pair[1].paragraph)
        };
        let across = paragraphs(&english[one.clone()]) || paragraphs(&korean[two.clone()]);
        lengths.ln().abs() * 1.5 + 0.7 * less - 0.8 * both + if across { 5.0 } else { 0.0 }
    };
    let mut best = vec![vec![(f64::INFINITY, 0, 0); korean.len() + 1]; english.len() + 1];
    best[0][0].0 = 0.0;
    for one in 0..=english.len() {
        for two in 0..=korean.len() {
            let moves = MOVES.iter().filter(|way| way.0 <= one && way.1 <= two).map(
                |(left, right, cost)| {
                    let price = price(&(one - left..one), &(two - right..two));
                    (best[one - left][two - right].0 + price + cost, *left, *right)
                },
            );
            // A sentence can also have no counterpart. This costs more than a good match.
            let alone = [(1, 0), (0, 1)]
                .into_iter()
                .filter(|way| way.0 <= one && way.1 <= two)
                .map(|(left, right)| (best[one - left][two - right].0 + 4.0, left, right));
            if let Some(way) = moves.chain(alone).min_by(|left, right| left.0.total_cmp(&right.0)) {
                best[one][two] = way;
            }
        }
    }
    best[0][0] = (0.0, 0, 0);
    let (mut one, mut two) = (english.len(), korean.len());
    let mut pairs = Vec::new();
    while one > 0 || two > 0 {
        let (_, left, right) = best[one][two];
        pairs.push((one - left..one, two - right..two));
        (one, two) = (one - left, two - right);
    }
    // A sentence without a counterpart goes with the one before it, or else with the one after it.
    pairs.reverse();
    for at in 0..pairs.len() {
        if pairs[at].1.is_empty() && !pairs[at].0.is_empty() {
            let near = if at > 0 {
                pairs[at - 1].1.clone()
            } else {
                pairs.get(1).map_or(0..0, |pair| pair.1.clone())
            };
            pairs[at].1 = near;
        }
    }
    pairs
}

/// The words in Latin letters, and the numbers.
fn latin(text: &str) -> BTreeSet<String> {
    let ascii = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    ascii.filter(|word| !word.is_empty()).map(str::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENGLISH: &str = "# Notes\n\n## 1. One\n\n**What is new.** The server has `a. b` now. It is [RFC \
        9112](https://x.org/) that says so (see\nthere. And here). Is it?\n\n**How it works.** `run` calls `serve` \
        once. It then ends. This is in [src/a.rs](steps/s01_echo/src/a.rs):\n\n```rust\nfn run() {}\n```\n\n\
        - *A list* has 3.2.1. \n\n| part | what |\n|---|---|\n| log | `info!` | 3 |\n\n## 2. Two\n\nThe end.\n";

    const KOREAN: &str = "# 노트\n\n## 1. 하나\n\n**새로운 것.** 서버에 `a. b`가 생깁니다. \
        [RFC 9112](https://x.org/)에 그렇게 나옵니다. 그런가요?\n\n**동작 원리.** `run`은 `serve`를 한 번 호출하고 \
        끝납니다. [src/a.rs](steps/s01_echo/src/a.rs)에 있습니다.\n\n```rust\nfn run() {}\n```\n\n- *목록*에는 3.2.1이 \
        있습니다.\n\n| 부분 | 무엇 |\n|---|---|\n| 로그 | `info!` | 3 |\n\n## 2. 둘\n\n끝.\n";

    #[test]
    fn a_full_stop_in_code_or_in_brackets_ends_no_sentence() {
        let section = Section::find(ENGLISH, KOREAN, "1. One").unwrap();
        let texts: Vec<&str> =
            section.english.iter().map(|sentence| sentence.text.as_str()).collect();
        let expected = [
            "The server has `a. b` now.",
            "It is RFC 9112 that says so (see there. And here).",
            "Is it?",
            "`run` calls `serve` once.",
            "It then ends.",
            "This is in src/a.rs:",
            "A list has 3.2.1.",
            "log → `info!`",
        ];
        assert_eq!(texts, expected);
        let link =
            "It is <a href=\"https://x.org/\">RFC 9112</a> that says so (see there. And here).";
        assert_eq!(section.english[1].html, link);
        // A link into the repository is dropped, and so is the colon before what is not shown.
        assert_eq!(section.english[5].html, "This is in src/a.rs.");
        assert!(section.english[5].is_pointer && !section.english[4].is_pointer);
        let quote = ("steps/s01_echo/src/a.rs".to_string(), "fn run() {}\n".to_string());
        assert_eq!(section.english[3].quote, Some(quote));
        assert_eq!(section.english[6].quote, None);
    }

    #[test]
    fn the_other_edition_says_the_same_in_other_sentences() {
        let section = Section::find(ENGLISH, KOREAN, "1. One").unwrap();
        let korean =
            |at: usize| join(&section.korean, &section.same[at].clone().collect::<Vec<_>>());
        assert!(korean(1).contains("RFC 9112"), "{}", korean(1));
        assert_eq!(korean(2), "그런가요?");
        // Two English sentences are one in Korean.
        assert_eq!(korean(3), "<code>run</code>은 <code>serve</code>를 한 번 호출하고 끝납니다.");
        assert_eq!(korean(4), korean(3));
        assert_eq!(section.choice(&[3, 4], 0.0).korean, korean(3));
        assert_eq!(korean(7), "로그 → <code>info!</code>");
    }

    #[test]
    fn the_beginning_of_a_sentence_names_it() {
        let section = Section::find(ENGLISH, KOREAN, "1. One").unwrap();
        let named = |english: &str, korean: &str| {
            section.named(&[english.to_string()], &[korean.to_string()])
        };
        assert_eq!(
            named("`run` calls", "`run`은").unwrap().english,
            "<code>run</code> calls <code>serve</code> once."
        );
        let error = |english, korean| named(english, korean).unwrap_err().to_string();
        assert_eq!(error("It", "`run`은"), "more than one sentence begins with \"It\"");
        assert_eq!(error("Is it", "아니"), "no sentence begins with \"아니\"");
    }
}
