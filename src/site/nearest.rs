//! Which word was meant.

/// The word of `known` that is nearest to `word`, if one is near enough.
pub fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    mistyped(word, known).or_else(|| shortened(word, known))
}

/// The word of `known` of which `word` is a slip of the pen.
pub(super) fn mistyped<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    // No key or name here is longer.
    if word.len() > 255 {
        return None;
    }
    let word = plain(word);
    let limit = (word.len() / 3).max(1);
    let length = word.chars().count();
    known
        .iter()
        // Each character that one has more is an edit.
        .filter(|k| k.chars().count().abs_diff(length) <= limit)
        .map(|k| (distance(&word, &plain(k)), *k))
        .filter(|(d, _)| *d <= limit)
        .min_by_key(|(d, _)| *d)
        .map(|(_, k)| k)
}

/// The word of `known` that begins like it: `working_dir` is Compose's, `working_directory` ours.
pub(super) fn shortened<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    if word.len() > 255 {
        return None;
    }
    let word = plain(word);
    let same_start = |k: &&&str| word.len() > 2 && (k.starts_with(&word) || word.starts_with(**k));
    known.iter().filter(|k| k.len() > 2).find(same_start).copied()
}

fn plain(word: &str) -> String {
    word.to_ascii_lowercase().replace('-', "_")
}

/// The edit distance in which two neighbours that changed places count as one edit.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![vec![0usize; b.len() + 1]; a.len() + 1];
    for (i, row) in rows.iter_mut().enumerate() {
        row[0] = i;
    }
    for (j, cell) in rows[0].iter_mut().enumerate() {
        *cell = j;
    }
    for i in 1..=a.len() {
        for j in 1..=b.len() {
            let substituted = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = substituted.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = best;
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_the_one_that_was_meant() {
        let known = ["command", "ready", "depends_on", "working_directory", "user"];
        for (word, meant) in [
            ("comand", Some("command")),
            ("redy", Some("ready")),
            ("raedy", Some("ready")),
            ("depends-on", Some("depends_on")),
            ("working_dir", Some("working_directory")),
            ("User", Some("user")),
            ("image", None),
        ] {
            assert_eq!(nearest(word, &known), meant, "{word}");
        }
    }
}
