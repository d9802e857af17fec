//! Reads one document as `extract::run_in_child` asks: for tests, and to try a file by hand.

fn main() -> std::process::ExitCode {
    documents::extract::child_main()
}
