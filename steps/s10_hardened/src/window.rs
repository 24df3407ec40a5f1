//! The client as a window. It is drawn anew in each frame, out of what `Window` holds.

use crate::client::{exchange, explain, fetch_list};
use crate::http::{Request, marked};
use anyhow::{Result, anyhow};
use eframe::egui::{self, Ui};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

/// The methods to choose from.
const METHODS: [&str; 4] = ["POST", "HEAD", "PUT", "GET"];

/// How long the window waits for a connection, and then for each piece of a response.
const TIME_LIMIT: Duration = Duration::from_secs(5);

/// Opens a window on the server at `addr` (HOST:PORT). Returns when somebody closes it.
pub fn run(addr: &str) -> Result<()> {
    let stage = env!("CARGO_PKG_NAME");
    let title = format!("{stage}, {addr}");
    let window = Window::new(addr);
    let viewport = egui::ViewportBuilder::default().with_inner_size([560.0, 480.0]);
    let options = eframe::NativeOptions { viewport, ..Default::default() };
    eframe::run_native(&title, options, Box::new(|_| Ok(Box::new(window)))).map_err(|error| {
        // What comes before the reason is a place in the source of winit.
        let error = error.to_string();
        let reason = error.rsplit(": ").next().unwrap_or(&error).trim_end_matches('.');
        anyhow!("cannot open a window: {reason}; without one: cargo run -p {stage} -- client")
    })
}

/// What is filled in, what is shown, and what is waited for.
pub struct Window {
    addr: String,
    method: &'static str,
    path: String,
    index: String,
    text: String,
    list: Vec<String>,
    output: Result<String>,
    waiting: Option<Receiver<Result<Answer>>>,
}

/// What came of a request.
struct Answer {
    /// The text that was sent, if the server did what was asked of it.
    done: Option<String>,
    list: Result<Vec<String>>,
    output: String,
}

impl eframe::App for Window {
    fn ui(&mut self, ui: &mut Ui, _: &mut eframe::Frame) {
        egui::CentralPanel::default().show(ui, |ui| self.draw(ui));
    }
}

impl Window {
    /// A window on the server at `addr`, with nothing filled in.
    pub fn new(addr: &str) -> Window {
        Window {
            addr: addr.to_string(),
            method: METHODS[0],
            path: "/".to_string(),
            index: String::new(),
            text: String::new(),
            list: Vec::new(),
            output: Ok(String::new()),
            waiting: None,
        }
    }

    /// Draws one frame, and does what was asked for in it.
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
                ui.add(egui::TextEdit::singleline(&mut self.path)).labelled_by(label.id);
                if self.method == "PUT" {
                    self.draw_index(ui);
                }
            });
            ui.end_row();
            let label = ui.label("Text");
            ui.horizontal(|ui| {
                let field =
                    ui.add(egui::TextEdit::singleline(&mut self.text)).labelled_by(label.id);
                let complete = !self.has_text() || !self.text.is_empty();
                let ready = self.waiting.is_none() && complete;
                let name = if self.waiting.is_none() { "Send" } else { "Sending…" };
                let pressed = ui.add_enabled(ready, egui::Button::new(name)).clicked();
                if ready && (entered || pressed) {
                    self.send(ui.ctx());
                }
                // After a button or Enter, one goes on typing.
                if ui.memory(|memory| memory.focused().is_none()) {
                    field.request_focus();
                }
            });
            ui.end_row();
        });
        self.draw_hint(ui);
        ui.separator();
        egui::ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
            match &self.output {
                Ok(text) => ui.monospace(text),
                Err(error) => ui.colored_label(ui.visuals().error_fg_color, format!("{error:#}")),
            };
            ui.separator();
            for (index, text) in self.list.iter().enumerate() {
                ui.label(format!("{index}: {text}"));
            }
        });
    }

    /// Draws the field of the index, which writes the path.
    fn draw_index(&mut self, ui: &mut Ui) {
        let label = ui.label("Index");
        let field = egui::TextEdit::singleline(&mut self.index).desired_width(40.0);
        if ui.add(field).labelled_by(label.id).changed() {
            self.fill_path();
        }
    }

    /// Writes the path that goes with the method: for PUT that of the index.
    fn fill_path(&mut self) {
        let index = if self.method == "PUT" { &self.index } else { "" };
        self.path = format!("/{index}");
    }

    /// Says what to do where Korean is typed and the system has no font for it.
    fn draw_hint(&self, ui: &mut Ui) {
        let korean = |c: char| ('ㄱ'..='ㆎ').contains(&c) || ('가'..='힣').contains(&c);
        if self.text.contains(korean)
            && !ui.fonts_mut(|fonts| fonts.has_glyph(&egui::FontId::default(), '한'))
        {
            ui.label("This system has no font for Korean; on Debian: sudo apt install fonts-nanum");
        }
    }

    /// Whether the method sends the text.
    fn has_text(&self) -> bool {
        matches!(self.method, "POST" | "PUT")
    }

    /// Sends what is filled in.
    fn send(&mut self, context: &egui::Context) {
        if !self.path.starts_with('/') || self.path.contains(char::is_whitespace) {
            let path = &self.path;
            self.output =
                Err(anyhow!("{path:?} is not a path: one begins with / and has no spaces"));
            return;
        }
        let request = Request::new(self.method, &self.path, &self.addr);
        let request = if self.has_text() { request.with_text(&self.text) } else { request };
        let addr = self.addr.clone();
        self.start(context, move || ask(&addr, &request));
    }

    /// Does `work` on a thread of its own, so that a slow server cannot stop the drawing.
    fn start(
        &mut self,
        context: &egui::Context,
        work: impl FnOnce() -> Result<Answer> + Send + 'static,
    ) {
        let (sender, receiver) = mpsc::channel();
        self.waiting = Some(receiver);
        let context = context.clone();
        thread::spawn(move || {
            // Nobody receives this if the window was closed in the meantime.
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

/// Sends `request` and waits for what there is to show.
fn ask(addr: &str, request: &Request) -> Result<Answer> {
    let line = format!("{} {}", request.method, request.target);
    let response = exchange(addr, request, TIME_LIMIT).map_err(|error| explain(error, &line))?;
    let done = response.is_success().then(|| request.body.clone());
    let output = format!("{}\n{}", marked("→", request), marked("←", &response));
    Ok(Answer { done, ..refresh(addr, output) })
}

/// Fetches the list, to be shown beside `output`.
fn refresh(addr: &str, output: String) -> Answer {
    Answer { done: None, list: fetch_list(addr, TIME_LIMIT), output }
}
