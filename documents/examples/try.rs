fn main() {
    for path in std::env::args().skip(1) {
        let t = std::time::Instant::now();
        let r = documents::extract::run_in_child(
            std::path::Path::new("/tmp/tgt/documents/debug/document-reader"),
            &[],
            &std::fs::read(&path).unwrap(),
            &Default::default(),
        );
        println!("=== {path} {:?}", t.elapsed());
        match r {
            Ok(e) => println!(
                "{:?} {:?} {:?}\n{}",
                e.kind,
                e.title,
                e.pages,
                e.text.chars().take(3000).collect::<String>()
            ),
            Err(e) => println!("{e:?}: {e}"),
        }
    }
}
