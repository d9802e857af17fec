//! Documents as people upload them, and as attackers do. All are read in a child, as in production.

mod sample;

use std::io::{Cursor, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use documents::extract::{BadDocument, Extracted, Kind, Limits, run_in_child};
use documents::report::{Language, pdf};
use zip::write::SimpleFileOptions;

fn read_within(bytes: &[u8], limits: &Limits) -> Result<Extracted, BadDocument> {
    run_in_child(Path::new(env!("CARGO_BIN_EXE_document-reader")), &[], bytes, limits)
}

fn read(bytes: &[u8]) -> Result<Extracted, BadDocument> {
    read_within(bytes, &Limits::default())
}

fn fixture(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A Word document of these parts.
fn package(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in parts {
        zip.start_file(*name, SimpleFileOptions::default()).unwrap();
        zip.write_all(content).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn word(body: &str) -> Vec<u8> {
    let xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><w:document xmlns:w=\"w\"><w:body>{body}\
         </w:body></w:document>"
    );
    package(&[("word/document.xml", xml.as_bytes())])
}

#[test]
fn a_word_document_keeps_its_structure_and_not_what_was_hidden_or_deleted() {
    let read = read(&fixture("handbook.docx")).unwrap();
    assert_eq!(read.kind, Kind::Docx);
    assert_eq!(read.title.as_deref(), Some("Handbook of the clinic"));
    assert_eq!(
        read.text,
        "# Handbook\n\n# Opening hours\n\n\
         We are open Monday to Friday & on some Saturdays, 9–18 <by appointment>.\n\n\
         - Приём по записи.\n- Emergencies at once.\n\n## Prices\n\n\
         Service | Price\nCheck-up | €40\nCrown | €620\n\n1. Call us.\n2. Say your name.\n\nSeen."
    );
}

#[test]
fn text_boxes_nested_tables_and_references_to_letters_are_read_once() {
    let read = read(&word(
        "<w:p><w:r><w:t>A &amp; &#x416;</w:t></w:r><w:r><mc:AlternateContent xmlns:mc=\"mc\">\
         <mc:Choice><w:txbxContent><w:p><w:r><w:t>box</w:t></w:r></w:p></w:txbxContent></mc:Choice>\
         <mc:Fallback><w:p><w:r><w:t>box</w:t></w:r></w:p></mc:Fallback></mc:AlternateContent>\
         </w:r></w:p><w:tbl><w:tr><w:tc><w:p><w:r><w:t>out</w:t></w:r></w:p><w:tbl><w:tr><w:tc><w:p>\
         <w:r><w:t>in</w:t></w:r></w:p></w:tc></w:tr></w:tbl></w:tc><w:tc><w:p/></w:tc></w:tr></w:tbl>",
    ))
    .unwrap();
    assert_eq!(read.text, "box\n\nA & Ж\n\nout in |");
}

#[test]
fn a_pdf_keeps_headings_and_both_alphabets() {
    let read = read(&fixture("handbook.pdf")).unwrap();
    assert_eq!((read.kind, read.pages), (Kind::Pdf, Some(2)));
    assert_eq!(read.title.as_deref(), Some("Handbook"));
    assert!(read.text.starts_with("# Opening hours\n\nWe are open Monday to Friday, 9 to 18."));
    assert!(read.text.contains("\n\n## Приём по записи\n\nЗапись по телефону с девяти до"));
    assert!(read.text.contains("Crown €620"));
}

#[test]
fn a_report_of_ours_can_be_read_back() {
    let bytes = pdf(&sample::report(Language::English)).unwrap();
    let read = read(&bytes).unwrap();
    assert_eq!(read.title.as_deref(), Some("Call centre overview"));
    for words in [
        "Call centre overview",
        "Стоматология «Белый клык» & Sons",
        "Среднее время ответа сократилось на треть.",
        "Overview",
        "How callers felt",
        "123,456",
        "Перенести приём на четверг",
    ] {
        assert!(read.text.contains(words), "{words} is missing in {}", read.text);
    }
}

#[test]
fn passwords_scans_and_broken_files_are_told_apart() {
    assert_eq!(read(&fixture("protected.pdf")), Err(BadDocument::Encrypted));
    assert!(read(&fixture("owner.pdf")).unwrap().text.contains("Opening hours"));
    assert_eq!(read(&fixture("scanned.pdf")), Err(BadDocument::NoText));
    let damaged = |bytes: &[u8]| matches!(read(bytes), Err(BadDocument::Damaged { .. }));
    assert!(damaged(&fixture("loop.pdf")));
    assert!(damaged(&fixture("handbook.docx")[..20_000]));
    assert!(damaged(&word("<w:p><w:r>")));
    assert!(damaged(&package(&[("word/document2.xml", b"<a/>")])));
    assert_eq!(read(&word("<w:p/>")), Err(BadDocument::NoText));
}

#[test]
fn what_is_too_much_is_refused() {
    let limits = Limits { pages: 1, ..Limits::default() };
    let refused = read_within(&fixture("handbook.pdf"), &limits);
    assert_eq!(refused, Err(BadDocument::TooManyPages { most: 1 }));
    let limits = Limits { characters: 100, ..Limits::default() };
    for name in ["handbook.pdf", "handbook.docx"] {
        let refused = read_within(&fixture(name), &limits);
        assert_eq!(refused, Err(BadDocument::TooMuchText { most: 100 }));
    }
}

#[test]
fn a_zip_bomb_is_refused_before_it_is_unpacked_and_while_it_lies() {
    let limits = Limits { inflated: 4 << 20, ..Limits::default() };
    let honest = word(&" ".repeat(5 << 20));
    assert!(honest.len() < 64 << 10, "it is small itself");
    assert_eq!(read_within(&honest, &limits), Err(BadDocument::Inflates { most: 4 << 20 }));

    // The same with a directory that says it is a kilobyte.
    let mut lying = honest;
    let true_size = {
        let mut archive = zip::ZipArchive::new(Cursor::new(&lying)).unwrap();
        u32::try_from(archive.by_index(0).unwrap().size()).unwrap().to_le_bytes()
    };
    let places: Vec<usize> =
        (0..lying.len() - 4).filter(|at| lying[*at..at + 4] == true_size).collect();
    assert_eq!(places.len(), 2, "in the part's head and in the directory");
    for at in places {
        lying[at..at + 4].copy_from_slice(&1024_u32.to_le_bytes());
    }
    assert_eq!(read_within(&lying, &limits), Err(BadDocument::Inflates { most: 4 << 20 }));
}

#[test]
fn names_that_lead_out_of_a_zip_are_refused() {
    for name in ["../../etc/passwd", "/etc/passwd", "word/../../x", "C:\\x", "a\\..\\..\\x"] {
        let bytes = package(&[("word/document.xml", b"<w:p/>"), (name, b"x")]);
        assert_eq!(read(&bytes), Err(BadDocument::Escapes), "{name}");
    }
}

#[test]
fn entities_and_endless_nesting_are_refused() {
    let laughs = "<!DOCTYPE d [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;&a;&a;\">]><d>&b;</d>";
    let outside = "<!DOCTYPE d SYSTEM \"file:///etc/passwd\"><d/>";
    let undeclared = "<w:p xmlns:w=\"w\"><w:r><w:t>&who;</w:t></w:r></w:p>";
    for xml in [laughs, outside, undeclared] {
        let bytes = package(&[("word/document.xml", xml.as_bytes())]);
        assert_eq!(read(&bytes), Err(BadDocument::Entities), "{xml}");
    }
    let deep = format!("{}{}", "<w:tbl>".repeat(100_000), "</w:tbl>".repeat(100_000));
    assert_eq!(read(&word(&deep)), Err(BadDocument::TooDeep));
}

#[test]
fn a_pdf_bomb_costs_no_more_than_its_limits() {
    let limits = Limits {
        cpu_seconds: 2,
        memory: 256 << 20,
        deadline: Duration::from_secs(60),
        ..Limits::default()
    };
    let refused = read_within(&fixture("bomb.pdf"), &limits).unwrap_err();
    // A reader that gives up by itself has seen no text.
    let bounded = [BadDocument::TooSlow, BadDocument::Crashed, BadDocument::NoText];
    assert!(bounded.contains(&refused), "{refused:?}");
}

#[test]
fn a_pdf_nested_without_end_hurts_the_child_alone() {
    let mut bytes =
        b"%PDF-1.4\n1 0 obj\n<< /Type /Catalog /Pages 2 0 R >>\nendobj\n2 0 obj\n".to_vec();
    bytes.extend(b"[".repeat(2_000_000));
    bytes.extend(b"\nendobj\ntrailer\n<< /Root 1 0 R >>\n%%EOF\n");
    let refused = read(&bytes).unwrap_err();
    assert!(!refused.is_ours(), "{refused:?}");
}

#[test]
fn memory_is_bounded() {
    let limits = Limits { memory: 1 << 20, ..Limits::default() };
    assert_eq!(read_within(&fixture("handbook.pdf"), &limits), Err(BadDocument::Crashed));
}

#[test]
fn no_damage_to_a_file_is_answered_with_anything_but_a_reading_or_a_refusal() {
    for name in ["handbook.docx", "handbook.pdf"] {
        let sound = fixture(name);
        for turn in 0..12_usize {
            let mut bytes = sound.clone();
            // The same damage each time: where and how follows from the turn.
            for at in (turn * 97..bytes.len()).step_by(701 + turn * 53) {
                bytes[at] = bytes[at].wrapping_mul(31).wrapping_add(7);
            }
            if turn % 3 == 0 {
                bytes.truncate(sound.len() * (turn + 1) / 13);
            }
            if let Err(refused) = read(&bytes) {
                assert!(!refused.is_ours(), "{name}, turn {turn}: {refused:?}");
            }
        }
    }
}

#[test]
fn a_child_that_says_nothing_or_nonsense_is_not_waited_for() {
    let run_for = |deadline: Duration, exe: &str, arguments: &[&str]| {
        let limits = Limits { deadline, ..Limits::default() };
        let started = Instant::now();
        // More than a pipe holds, so that a child that does not read blocks whoever writes.
        let answer = run_in_child(Path::new(exe), arguments, &vec![b'a'; 1 << 20], &limits);
        assert!(started.elapsed() < Duration::from_secs(20), "{exe} was waited for");
        answer.unwrap_err()
    };
    let (soon, late) = (Duration::from_millis(300), Duration::from_secs(10));
    assert_eq!(run_for(soon, "/bin/sleep", &["60"]), BadDocument::TooSlow);
    assert_eq!(run_for(late, "/bin/false", &[]), BadDocument::Crashed);
    let endless = run_for(soon, "/bin/cat", &["/dev/zero"]);
    assert!(matches!(endless, BadDocument::TooSlow | BadDocument::Crashed));
    assert!(run_for(late, "/no/such/reader", &[]).is_ours());
}

#[test]
fn the_child_finds_no_secret_in_its_environment() {
    // Answers with its environment where an answer is expected: it must be empty.
    let limits = Limits::default();
    let script = "test -z \"$CARGO_MANIFEST_DIR$HOME\" && echo '{\"Err\":{\"why\":\"no_text\"}}'";
    let answer = run_in_child(Path::new("/bin/sh"), &["-c", script], b"text", &limits);
    assert_eq!(answer, Err(BadDocument::NoText));
}
