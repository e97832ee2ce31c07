//! Text of calendars and cards (RFC 5545, 6350).

/// The text with folded lines joined and escapes read.
pub(super) fn text(file: &str) -> String {
    let mut text = String::with_capacity(file.len());
    for line in file.split('\n') {
        let line = line.strip_suffix('\r').unwrap_or(line);
        match line.strip_prefix([' ', '\t']) {
            Some(more) => text.push_str(more),
            None => {
                text.push('\n');
                text.push_str(line);
            }
        }
    }
    let escapes = [("\\n", "\n"), ("\\N", "\n"), ("\\,", ","), ("\\;", ";")];
    escapes
        .iter()
        .fold(text, |text, (escape, meant)| text.replace(escape, meant))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joins_lines_and_reads_escapes() {
        let file = "SUMMARY:x\r\nDESCRIPTION:at http://a.exam\r\n ple/b\\nNext\\, please\r\n";
        assert_eq!(
            text(file),
            "\nSUMMARY:x\nDESCRIPTION:at http://a.example/b\nNext, please\n"
        );
    }
}
