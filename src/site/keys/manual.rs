//! stub
/// x
pub fn manual() -> String {
    String::new()
}
