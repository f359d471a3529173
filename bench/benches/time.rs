//! Every row for every column, with criterion.

use std::cell::Cell;
use std::thread;
use std::time::Duration;

use bench::columns::peers;
use bench::peer::Peer;
use bench::rows::{Row, ROWS};
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, SamplingMode};

const SAMPLES: usize = 30;

/// How long one sample takes, about.
const SAMPLE: Duration = Duration::from_millis(40);

fn columns(row: &Row) -> Vec<Peer> {
    peers().into_iter().filter(|peer| !(row.armed && peer.wants_thread)).collect()
}

/// Takes the samples in turns, so that what else the machine does hits all columns, and then lets
/// criterion have them one column after the other.
fn measure(group: &mut BenchmarkGroup<'_, WallTime>, row: &Row) {
    let columns = columns(row);
    let times: Vec<u64> = columns.iter().map(|&peer| times(row, peer)).collect();
    let mut samples = vec![Vec::new(); columns.len()];
    for _ in 0..SAMPLES {
        for (column, &peer) in columns.iter().enumerate() {
            let spent = (row.run)(peer, times[column]);
            samples[column].push(spent.as_nanos() as f64 / times[column] as f64);
        }
    }
    for (column, peer) in columns.iter().enumerate() {
        let next = Cell::new(0);
        group.bench_function(peer.name, |bencher| {
            bencher.iter_custom(|times| {
                let sample = samples[column][next.get() % SAMPLES];
                next.set(next.get() + 1);
                let spent = Duration::from_nanos((sample * times as f64) as u64);
                // criterion finds out by the clock how much it can ask for.
                thread::sleep(spent);
                spent
            });
        });
    }
}

/// How often to do it for a sample.
fn times(row: &Row, peer: Peer) -> u64 {
    let mut times = 8;
    loop {
        let spent = (row.run)(peer, times);
        if spent >= SAMPLE / 4 {
            return (times as f64 * SAMPLE.div_duration_f64(spent)).ceil() as u64;
        }
        times *= 2;
    }
}

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(SAMPLES)
        .warm_up_time(Duration::from_millis(50))
        .measurement_time(Duration::from_millis(100))
        .nresamples(10_000)
        .configure_from_args();
    for row in ROWS {
        let mut group = criterion.benchmark_group(row.id);
        group.sampling_mode(SamplingMode::Flat);
        measure(&mut group, row);
        group.finish();
    }
    criterion.final_summary();
}
