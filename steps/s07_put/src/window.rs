//! The client as a window, in *immediate mode*: `draw` runs for each frame and draws every widget
//! (a field, a button) anew from what `Window` holds. A widget calls no function of ours. Instead,
//! `draw` asks it: `clicked()` is true in the frame after a click. If `draw` waited for the server,
//! the window would stand still. So each request runs on another thread, and `draw` checks in each
//! frame whether its result is there.

use crate::client::{escape_control, exchange, explain, fetch_list};
use crate::http::Request;
use crate::http::with_prefix;
use anyhow::{Result, anyhow};
use eframe::egui::{self, Color32, RichText, Theme, Ui};
use std::sync::mpsc::{self, Receiver};
use std::thread;

/// The methods to choose from.
const METHODS: [&str; 4] = ["POST", "HEAD", "PUT", "GET"];

/// How many characters of a text are shown. If a text had millions, the window would stand still.
const MAX_SHOWN_CHARS: usize = 4000;

/// Sizes in points: of text on a projector, of the smallest window, of the room beside a field.
const TEXT_SIZE: f32 = 18.0;
pub const MIN_SIZE: [f32; 2] = [480.0, 320.0];
const SIDE_WIDTH: f32 = 116.0;

/// The replay's colours of client and server, and one for errors, each for a light and dark theme.
const CLIENT: [Color32; 2] = [Color32::from_rgb(0, 105, 30), Color32::from_rgb(120, 225, 130)];
const SERVER: [Color32; 2] = [Color32::from_rgb(150, 0, 150), Color32::from_rgb(245, 150, 245)];
const ERROR: [Color32; 2] = [Color32::from_rgb(190, 0, 0), Color32::from_rgb(255, 130, 120)];

/// Opens a window for the server at `addr` (HOST:PORT). Returns when the user closes it.
pub fn run(addr: &str) -> Result<()> {
    let stage = env!("CARGO_PKG_NAME");
    let title = format!("{stage}, {addr}");
    let window = Window::new(addr);
    let viewport = egui::ViewportBuilder::default().with_inner_size([720.0, 640.0]);
    let viewport = viewport.with_min_inner_size(MIN_SIZE);
    let options = eframe::NativeOptions { viewport, ..Default::default() };
    let create: eframe::AppCreator = Box::new(|creation| {
        set_style(&creation.egui_ctx);
        Ok(Box::new(window))
    });
    eframe::run_native(&title, options, create).map_err(|error| {
        // winit opens the window for eframe. Its error begins with a position in winit's source.
        let error = error.to_string();
        let reason = error.rsplit(": ").next().unwrap_or(&error).trim_end_matches('.');
        anyhow!("cannot open a window: {reason}; without one: cargo run -p {stage} -- client")
    })
}

/// Sets the size of text, outlines, and the theme for a system that does not report one (Linux).
pub fn set_style(context: &egui::Context) {
    context.options_mut(|options| options.fallback_theme = Theme::Light);
    context.all_styles_mut(|style| {
        style.text_styles.values_mut().for_each(|font| font.size = TEXT_SIZE);
        style.spacing.interact_size.y = 26.0;
        style.visuals.widgets.inactive.bg_stroke = style.visuals.widgets.noninteractive.fg_stroke;
        style.spacing.icon_width = TEXT_SIZE;
        style.spacing.icon_width_inner = TEXT_SIZE / 2.0;
    });
}

/// What is filled in, what is shown, and what is waited for.
pub struct Window {
    addr: String,
    method: &'static str,
    path: String,
    index: String,
    text: String,
    list: String,
    sent: String,
    output: Result<String>,
    waiting: Option<Receiver<Result<Answer>>>,
}

/// The result of a request.
struct Answer {
    /// The text that was sent, if the request succeeded.
    done: Option<String>,
    list: Result<String>,
    output: String,
}

impl eframe::App for Window {
    fn ui(&mut self, ui: &mut Ui, _: &mut eframe::Frame) {
        egui::CentralPanel::default().show(ui, |ui| self.draw(ui));
    }
}

impl Window {
    /// Makes a window for the server at `addr` (HOST:PORT), with nothing filled in.
    pub fn new(addr: &str) -> Window {
        Window {
            addr: addr.to_string(),
            method: METHODS[0],
            path: "/".to_string(),
            index: String::new(),
            text: String::new(),
            list: String::new(),
            sent: String::new(),
            output: Ok(String::new()),
            waiting: None,
        }
    }

    /// Draws one frame. Sends a request if the user asks for one in it.
    pub fn draw(&mut self, ui: &mut Ui) {
        self.receive();
        // Enter sends from any field.
        let typing = ui.ctx().text_edit_focused();
        let entered = typing && ui.input(|input| input.key_pressed(egui::Key::Enter));
        egui::Grid::new("form").num_columns(2).show(ui, |ui| {
            ui.label("Method");
            ui.horizontal(|ui| {
                let before = self.method;
                for method in METHODS {
                    ui.radio_value(&mut self.method, method, method);
                }
                if before != self.method && [before, self.method].contains(&"PUT") {
                    self.fill_path();
                }
            });
            ui.end_row();
            let label = ui.label("Path");
            ui.horizontal(|ui| {
                let width = ui.available_width() - SIDE_WIDTH;
                let edit = egui::TextEdit::singleline(&mut self.path).desired_width(width);
                ui.add(edit.text_color(shade(ui, CLIENT))).labelled_by(label.id);
                if self.method == "PUT" {
                    self.draw_index(ui);
                }
            });
            ui.end_row();
            let label = ui.label("Text");
            ui.horizontal(|ui| {
                let edit = egui::TextEdit::singleline(&mut self.text);
                let edit = edit.text_color(shade(ui, CLIENT));
                let width = ui.available_width() - SIDE_WIDTH;
                let field = ui.add(edit.desired_width(width)).labelled_by(label.id);
                let complete = !self.has_text() || !self.text.is_empty();
                let ready = self.waiting.is_none() && complete;
                let name = if self.waiting.is_none() { "Send" } else { "Sending…" };
                let button = egui::Button::new(name).min_size([ui.available_width(), 0.0].into());
                let pressed = ui.add_enabled(ready, button).clicked();
                if ready && (entered || pressed) {
                    self.send(ui.ctx());
                }
                // After a click or Enter, the user can go on typing.
                if ui.memory(|memory| memory.focused().is_none()) {
                    field.request_focus();
                }
            });
            ui.end_row();
        });
        self.draw_hint(ui);
        ui.separator();
        egui::ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
            ui.label(RichText::new(&self.sent).monospace().color(shade(ui, CLIENT)));
            let (text, colour) = match &self.output {
                Ok(text) => (text.clone(), SERVER),
                Err(error) => (shown(&format!("{error:#}")), ERROR),
            };
            ui.label(RichText::new(text).monospace().color(shade(ui, colour)));
            ui.separator();
            ui.label(&self.list);
        });
    }

    /// Draws the field of the index, which writes the path.
    fn draw_index(&mut self, ui: &mut Ui) {
        let label = ui.label("Index");
        let edit = egui::TextEdit::singleline(&mut self.index);
        if ui.add(edit.desired_width(ui.available_width())).labelled_by(label.id).changed() {
            self.fill_path();
        }
    }

    /// Writes the path that goes with the method: for PUT `/` and the index, else `/`.
    fn fill_path(&mut self) {
        let index = if self.method == "PUT" { &self.index } else { "" };
        self.path = format!("/{index}");
    }

    /// Draws a button for the other theme, and says how to enlarge and how to get a Korean font.
    fn draw_hint(&self, ui: &mut Ui) {
        ui.horizontal_wrapped(|ui| {
            let other = if ui.visuals().dark_mode { Theme::Light } else { Theme::Dark };
            if ui.button(format!("{other:?}")).clicked() {
                ui.ctx().set_theme(other);
            }
            ui.label("Ctrl (⌘ on macOS) and + enlarge, and - reduce.");
        });
        let korean = |c: char| ('ㄱ'..='ㆎ').contains(&c) || ('가'..='힣').contains(&c);
        if self.text.contains(korean)
            && !ui.fonts_mut(|fonts| fonts.has_glyph(&egui::FontId::default(), '한'))
        {
            ui.label("This system has no font for Korean; on Debian: sudo apt install fonts-nanum");
        }
    }

    /// Returns whether the method sends the text.
    fn has_text(&self) -> bool {
        matches!(self.method, "POST" | "PUT")
    }

    /// Sends what is filled in.
    fn send(&mut self, context: &egui::Context) {
        self.sent.clear();
        if !self.path.starts_with('/') || self.path.contains(char::is_whitespace) {
            let path = &self.path;
            let sentence = "a path begins with / and has no spaces";
            self.output = Err(anyhow!("{path:?} is not a path: {sentence}"));
            return;
        }
        let request = Request::new(self.method, &self.path, &self.addr);
        let request = if self.has_text() { request.with_text(&self.text) } else { request };
        let addr = self.addr.clone();
        self.sent = shown(&with_prefix("→", &request.to_string()));
        self.start(context, move || ask(&addr, &request));
    }

    /// Does `work` on another thread, so that a slow server cannot stop the drawing.
    fn start(
        &mut self,
        context: &egui::Context,
        work: impl FnOnce() -> Result<Answer> + Send + 'static,
    ) {
        let (sender, receiver) = mpsc::channel();
        self.waiting = Some(receiver);
        self.output = Ok(String::new());
        let context = context.clone();
        thread::spawn(move || {
            // This fails if the window was closed in the meantime. Then the answer is not needed.
            let _ = sender.send(work());
            context.request_repaint();
        });
    }

    /// Takes the answer, if it has come.
    fn receive(&mut self) {
        let Some(Ok(answer)) = self.waiting.as_ref().map(Receiver::try_recv) else { return };
        self.waiting = None;
        match answer {
            Ok(answer) => {
                // What was typed in the meantime stays.
                if answer.done.as_ref() == Some(&self.text) {
                    self.text.clear();
                }
                self.output = Ok(answer.output);
                match answer.list {
                    Ok(list) => self.list = list,
                    Err(error) => self.output = Err(error),
                }
            }
            Err(error) => self.output = Err(error),
        }
    }
}

/// Returns the shade of `colour` for the current theme.
fn shade(ui: &Ui, colour: [Color32; 2]) -> Color32 {
    colour[usize::from(ui.visuals().dark_mode)]
}

/// Returns the start of `text` for the window, with control characters as escapes.
fn shown(text: &str) -> String {
    let start: String = text.chars().take(MAX_SHOWN_CHARS).collect();
    let rest = if start.len() < text.len() { "\n(the rest is not shown)" } else { "" };
    escape_control(&start) + rest
}

/// Sends `request` and returns what there is to show. Fails if no whole response comes.
fn ask(addr: &str, request: &Request) -> Result<Answer> {
    let line = format!("{} {}", request.method, request.target);
    let response = exchange(addr, request).map_err(|error| explain(error, &line))?;
    let done = response.is_success().then(|| request.body.clone());
    let output = with_prefix("←", &response.to_string());
    Ok(Answer { done, ..refresh(addr, &output) })
}

/// Fetches the list, to be shown beside `output`.
fn refresh(addr: &str, output: &str) -> Answer {
    let list = fetch_list(addr).map(|list| shown_list(&list));
    Answer { done: None, list, output: shown(output) }
}

/// Returns a line for each message, after its index. Of a long list, the newest messages are shown.
fn shown_list(list: &[String]) -> String {
    let lines = list.iter().enumerate().map(|(index, text)| format!("{index}: {text}"));
    let text = escape_control(&lines.collect::<Vec<String>>().join("\n"));
    match text.char_indices().rev().nth(MAX_SHOWN_CHARS) {
        Some((start, _)) => format!("(older messages are not shown)\n…{}", &text[start..]),
        None => text,
    }
}
