//! Reports as a reader gets them.

mod sample;

use documents::report::{Language, pdf};

#[test]
fn the_same_report_is_the_same_bytes() {
    let report = sample::report(Language::English);
    let bytes = pdf(&report).unwrap();
    std::fs::write(concat!(env!("CARGO_TARGET_TMPDIR"), "/report.pdf"), &bytes).unwrap();
    assert_eq!(bytes, pdf(&report).unwrap());
}
