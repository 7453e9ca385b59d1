//! Rows of the ledger as they lie on the disk.

use piton_core::trial::record::Record;
use serde_json::Value;

/// A row of each kind of outcome, as it was written when all fields of a record lay in one flat struct.
const ROWS: &str = include_str!("golden/records.jsonl");

#[test]
fn a_row_that_was_written_before_records_had_groups_is_read_to_the_last_bit() {
    for line in ROWS.lines() {
        let record: Record = serde_json::from_str(line).unwrap();
        let (was, is): (Value, Value) =
            (serde_json::from_str(line).unwrap(), serde_json::to_value(&record).unwrap());
        assert_eq!(is, was);
        let again: Record = serde_json::from_str(&serde_json::to_string(&record).unwrap()).unwrap();
        assert_eq!(again, record);
        assert!(record.provenance.seed.unwrap() > u64::MAX - 100, "a seed has 64 bits");
    }
}

#[test]
fn a_row_without_what_piton_records_since_is_read() {
    let mut row: Value = serde_json::from_str(ROWS.lines().next().unwrap()).unwrap();
    let fields = row.as_object_mut().unwrap();
    for later in ["void_pairs", "tau", "resolves", "asked", "confinement"] {
        fields.remove(later);
    }
    let record: Record = serde_json::from_value(row).unwrap();
    assert_eq!(record.measured.tau, None);
    assert_eq!(record.provenance.confinement.word(), "none");
}
