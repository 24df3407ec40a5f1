//! Writes that were answered. A server that answers a POST with 201 has promised that the message is stored: it must be
//! in the list afterwards, also if the server was killed.

/// The index that the server gave a message, and its text.
pub type Answered = (usize, String);

/// Those of `answered` that `list` does not have at their index.
pub fn lost<'a>(answered: &'a [Answered], list: &[String]) -> Vec<&'a Answered> {
    answered.iter().filter(|(index, text)| list.get(*index) != Some(text)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_to_be_at_its_index() {
        let answered: Vec<Answered> =
            [(0, "a"), (1, "b"), (7, "c")].map(|(index, text)| (index, text.to_string())).into();
        let list = ["a", "c"].map(String::from);
        assert_eq!(lost(&answered, &list), [&answered[1], &answered[2]]);
        assert!(lost(&answered[..1], &list).is_empty());
    }
}
