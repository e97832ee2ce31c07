//! The end of a program whose reader is gone, as in `cybexp … | head`.

use std::panic;

/// Ends the process with status 0, and without a word, where printing fails because nobody reads any more. Printing
/// panics then, in the standard library as in `anstream`, and Rust programs do not get SIGPIPE. So this is a panic hook; it
/// hands all other panics to the one that was there, and is therefore set last.
pub fn end_quietly_on_closed_pipe() {
    let next = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if info.payload_as_str().is_some_and(is_of_closed_pipe) {
            std::process::exit(0);
        }
        next(info);
    }));
}

fn is_of_closed_pipe(message: &str) -> bool {
    message.starts_with("failed printing to std") && message.contains("Broken pipe")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Error, ErrorKind};

    #[test]
    fn a_closed_pipe_is_told_from_other_panics() {
        let error = Error::from_raw_os_error(32);
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
        assert!(is_of_closed_pipe(&format!(
            "failed printing to stdout: {error}"
        )));
        let full = Error::from_raw_os_error(28);
        assert!(!is_of_closed_pipe(&format!(
            "failed printing to stdout: {full}"
        )));
        assert!(!is_of_closed_pipe("Broken pipe"));
    }
}
