//! Uuencoded files: as a part's transfer encoding, or as lines within text, as before MIME.

/// The most files read of one text.
const FILES: usize = 100;

/// A file that was found in text.
pub(super) struct File {
    pub(super) name: String,
    pub(super) bytes: Vec<u8>,
}

/// Decodes the first file in the content of a part; `None` where none begins.
pub(super) fn decode(body: &[u8]) -> Option<Vec<u8>> {
    let mut lines = Lines(body);
    while let Some(line) = lines.next() {
        if name(line).is_some() {
            return Some(file(&mut lines));
        }
    }
    None
}

/// Returns the files in a text, and the text without them.
///
/// A file begins with `begin 644 name`, and a line whose length agrees with its first character. Other text is prose.
pub(super) fn extract(text: &[u8]) -> (Vec<File>, Vec<u8>) {
    let mut files = Vec::new();
    let mut rest = Vec::with_capacity(text.len());
    let mut lines = Lines(text);
    while let Some(line) = lines.next() {
        let begins =
            name(line).filter(|_| files.len() < FILES && lines.clone().next().is_some_and(is_data));
        match begins {
            Some(name) => {
                let name = String::from_utf8_lossy(name).into_owned();
                let bytes = file(&mut lines);
                files.push(File { name, bytes });
            }
            None => {
                rest.extend_from_slice(line);
                rest.push(b'\n');
            }
        }
    }
    (files, rest)
}

/// The rest of a text, read as lines without their ends.
#[derive(Clone)]
struct Lines<'a>(&'a [u8]);

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.0.is_empty() {
            return None;
        }
        let end = self.0.iter().position(|b| *b == b'\n');
        let (line, rest) = match end {
            Some(end) => (&self.0[..end], &self.0[end + 1..]),
            None => (self.0, &[][..]),
        };
        self.0 = rest;
        Some(line.strip_suffix(b"\r").unwrap_or(line))
    }
}

/// Returns the name in a line `begin 644 name`.
fn name(line: &[u8]) -> Option<&[u8]> {
    let rest = line.strip_prefix(b"begin ")?;
    let space = rest.iter().take(5).position(|b| *b == b' ')?;
    let (mode, name) = (&rest[..space], rest[space + 1..].trim_ascii());
    let is_mode = (3..=4).contains(&mode.len()) && mode.iter().all(|b| (b'0'..=b'7').contains(b));
    (is_mode && !name.is_empty()).then_some(name)
}

/// Whether a line is data of a file: its first character gives its length, give or take lost blanks and a check sum.
fn is_data(line: &[u8]) -> bool {
    let Some((&length, data)) = line.split_first() else {
        return false;
    };
    let characters = usize::from(value(length)).div_ceil(3) * 4;
    let is_known = line.iter().all(|b| (b' '..=b'`').contains(b));
    is_known && data.len() <= characters + 2 && data.len() + 4 >= characters
}

/// Reads the bytes up to the line `end`, an empty piece, or a line that is no data.
fn file(lines: &mut Lines<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let before = lines.clone();
        match lines.next() {
            None | Some(b"end") => return bytes,
            Some(line) if !is_data(line) => {
                *lines = before;
                return bytes;
            }
            Some(line) => piece(line, &mut bytes),
        }
    }
}

/// Decodes one line: six bits a character, of which the first gives the number of bytes.
fn piece(line: &[u8], bytes: &mut Vec<u8>) {
    let end = bytes.len() + usize::from(line.first().map_or(0, |b| value(*b)));
    for four in line.get(1..).unwrap_or_default().chunks(4) {
        // Blanks stand for zeros, and mail programs drop them at the end of a line.
        let mut bits = [0; 4];
        for (bit, byte) in bits.iter_mut().zip(four) {
            *bit = value(*byte);
        }
        let [a, b, c, d] = bits;
        bytes.extend([a << 2 | b >> 4, b << 4 | c >> 2, c << 6 | d]);
    }
    bytes.resize(end.min(bytes.len() + 3), 0);
}

fn value(byte: u8) -> u8 {
    byte.wrapping_sub(b' ') & 63
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_a_part() {
        let body = b"\r\nbegin 644 quote.zip\r\n535J0 \"!T:&ES(&ES(&YO('9I<G5S\r\n`\r\nend\r\n";
        assert_eq!(
            decode(body).as_deref(),
            Some(&b"MZ\x90\x00 this is no virus"[..])
        );
        assert_eq!(decode(b"begin at the beginning\n"), None);
        assert_eq!(decode(b"begin 644 empty\nend\n"), Some(Vec::new()));
    }

    #[test]
    fn finds_files_in_text() {
        let text = b"Hello\n\nbegin 644 cat.txt\n#0V%T\n`\nend\n\nbegin 2020 with us\nBye\nbegin 600 b\n#0V%T";
        let (files, rest) = extract(text);
        let shown: Vec<_> = files
            .iter()
            .map(|f| (f.name.as_str(), f.bytes.as_slice()))
            .collect();
        assert_eq!(shown, [("cat.txt", &b"Cat"[..]), ("b", b"Cat")]);
        assert_eq!(rest, b"Hello\n\n\nbegin 2020 with us\nBye\n");
    }
}
