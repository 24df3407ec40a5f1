//! A test that needs a program from outside names it above its `#[test]`, as in `#[needs("curl")]`.
//!
//! Where curl is not installed, `cargo test` shows the test as *ignored*, and how to install curl. With
//! the environment variable `CI` the test fails there instead, so that an automatic run leaves out none.

#[cfg(test)]
mod installed;
mod programs;

use proc_macro::{Delimiter, Group, Ident, Literal, Punct, Spacing, Span, TokenStream, TokenTree};
use programs::{PROGRAMS, Program};

/// Ignores the test below, or lets it fail where `CI` is set, if one of the programs is missing.
///
/// The arguments are names from the table in `classroom/needs/src/programs.rs`.
#[proc_macro_attribute]
pub fn needs(arguments: TokenStream, test: TokenStream) -> TokenStream {
    let names = match names(arguments) {
        Ok(names) => names,
        Err((sentence, span)) => return error(&sentence, span),
    };
    if !is_test(&test) {
        return error("#[needs] stands above #[test]", Span::call_site());
    }
    let missing = missing(&names, env!("NEEDS_MISSING"), std::env::consts::OS);
    if missing.is_empty() { test } else { without(&missing, test, !env!("NEEDS_CI").is_empty()) }
}

/// The same for a file of tests that another package has, as in
/// `needs::module! { "curl", #[path = "../../other/tests/clients.rs"] mod clients; }`. Where a program is missing, the
/// module becomes one test of the same name, which is ignored or fails.
#[proc_macro]
pub fn module(input: TokenStream) -> TokenStream {
    let is_name = |token: &TokenTree| match token {
        TokenTree::Literal(_) => true,
        TokenTree::Punct(mark) => mark.as_char() == ',',
        _ => false,
    };
    let tokens: Vec<TokenTree> = input.into_iter().collect();
    let start = tokens.iter().position(|token| !is_name(token)).unwrap_or(tokens.len());
    let module: TokenStream = tokens[start..].iter().cloned().collect();
    let names = match names(tokens.into_iter().take(start).collect()) {
        Ok(names) => names,
        Err((sentence, span)) => return error(&sentence, span),
    };
    let words = module.clone().into_iter().map(|token| token.to_string());
    let Some(name) = words.skip_while(|word| word != "mod").nth(1) else {
        return error("module! takes names of programs and a module", Span::call_site());
    };
    let missing = missing(&names, env!("NEEDS_MISSING"), std::env::consts::OS);
    if missing.is_empty() {
        return module;
    }
    let test = format!("#[test] fn {name}() {{}}").parse().unwrap_or_default();
    without(&missing, test, !env!("NEEDS_CI").is_empty())
}

/// Whether `#[test]` is among the attributes of this function. It is not if `#[needs]` stands below `#[test]`.
fn is_test(function: &TokenStream) -> bool {
    let attributes = function.clone().into_iter().filter_map(|token| match token {
        TokenTree::Group(group) if group.delimiter() == Delimiter::Bracket => Some(group),
        _ => None,
    });
    attributes.map(|attribute| attribute.stream().to_string()).any(|name| name == "test")
}

/// The names between the brackets, or why one of them is none, and where it stands.
fn names(arguments: TokenStream) -> Result<Vec<String>, (String, Span)> {
    let mut names = Vec::new();
    for token in arguments {
        let text = token.to_string();
        if text == "," {
            continue;
        }
        let name = text.trim_matches('"');
        if Program::named(name).is_none() {
            let known: Vec<&str> = PROGRAMS.iter().map(|program| program.name).collect();
            let known = known.join(", ");
            let sentence = format!(
                "{text} is none of the programs in classroom/needs/src/programs.rs; \
                 add it there, or name one of these in quotes: {known}"
            );
            return Err((sentence, token.span()));
        }
        names.push(name.to_string());
    }
    Ok(names)
}

/// How to install those of `names` that are in `missing`, a list with commas; empty if none of them is.
fn missing(names: &[String], missing: &str, system: &str) -> String {
    let missing: Vec<String> = names
        .iter()
        .filter(|name| missing.split(',').any(|other| other == *name))
        .filter_map(|name| Some(Program::named(name)?.is_missing(system)))
        .collect();
    missing.join("; ")
}

/// The test if programs are missing: it fails with the sentence. Unless `ci`, it has `#[ignore]`, and it
/// fails if it is run all the same.
fn without(sentence: &str, test: TokenStream, ci: bool) -> TokenStream {
    let mut tokens: Vec<TokenTree> = test.into_iter().collect();
    if let Some(TokenTree::Group(body)) = tokens.pop() {
        let statement = format!("::std::assert!(::std::hint::black_box(false), {sentence:?});");
        let mut inside: TokenStream = statement.parse().unwrap_or_default();
        inside.extend(body.stream());
        tokens.push(TokenTree::Group(Group::new(Delimiter::Brace, inside)));
    }
    let ignore = if ci { String::new() } else { format!("#[ignore = {sentence:?}]") };
    ignore.parse::<TokenStream>().unwrap_or_default().into_iter().chain(tokens).collect()
}

/// `compile_error!` with this sentence, shown at `span`.
fn error(sentence: &str, span: Span) -> TokenStream {
    let sentence = TokenTree::Literal(Literal::string(sentence));
    let tokens = [
        TokenTree::Ident(Ident::new("compile_error", span)),
        TokenTree::Punct(Punct::new('!', Spacing::Alone)),
        TokenTree::Group(Group::new(Delimiter::Brace, sentence.into())),
    ];
    tokens
        .into_iter()
        .map(|mut token| {
            token.set_span(span);
            token
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(names: &[&str], system: &str) -> String {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        missing(&names, "nc,Xvfb", system)
    }

    #[test]
    fn only_what_is_missing_is_named() {
        assert_eq!(said(&["curl"], "linux"), "");
        assert_eq!(said(&["n", "c"], "linux"), "");
        assert_eq!(
            said(&["curl", "nc", "Xvfb"], "linux"),
            "nc is not installed: sudo apt install netcat-openbsd; \
             Xvfb is not installed: sudo apt install xvfb"
        );
    }

    #[test]
    fn each_system_has_its_own_way_to_install() {
        assert_eq!(said(&["nc"], "macos"), "nc is not installed: brew install netcat");
        let elsewhere = "Xvfb is not installed (on Debian: sudo apt install xvfb)";
        assert_eq!(said(&["Xvfb"], "macos"), elsewhere);
        assert_eq!(said(&["Xvfb"], "windows"), elsewhere);
    }

    #[test]
    fn the_build_script_found_what_is_there() {
        let folders = installed::folders();
        for program in PROGRAMS {
            let missing = env!("NEEDS_MISSING").split(',').any(|name| name == program.name);
            assert_eq!(installed::is_installed(program, &folders), !missing, "{}", program.name);
        }
    }

    #[test]
    #[cfg(unix)]
    fn a_file_that_cannot_be_run_is_no_program() -> std::io::Result<()> {
        use std::fs::{self, Permissions};
        use std::os::unix::fs::PermissionsExt;
        let folder = std::env::temp_dir().join(format!("needs-{}", std::process::id()));
        let curl = Program::named("curl").expect("curl is in the table");
        fs::create_dir_all(&folder)?;
        let folders = [folder.clone()];
        assert!(!installed::is_installed(curl, &folders));
        fs::write(folder.join("curl"), "")?;
        fs::set_permissions(folder.join("curl"), Permissions::from_mode(0o644))?;
        assert!(!installed::is_installed(curl, &folders));
        fs::set_permissions(folder.join("curl"), Permissions::from_mode(0o755))?;
        assert!(installed::is_installed(curl, &folders));
        fs::remove_dir_all(&folder)
    }
}
