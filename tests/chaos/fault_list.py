"""The faults that moving state must survive, line by line of the design, and by what
tests each is tried; `make chaos` counts what they have injected, and prints it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

POSTGRES = "test_state_faults.py"
SWITCH = "test_faults_of_postgresql.py"
EXPORT = "test_export_faults.py"
EXPORTS = "test_faults_of_exports.py"
BACKUPS = "test_faults_of_backups.py"
MARIADB = "test_faults_of_mariadb.py"
REDIS = "test_faults_of_redis.py"
FILES = "test_faults_of_files.py"
ENGINES = "test_faults_of_engines.py"
KILLS = "test_backup_kills.py"
RANDOM = "test_random_faults.py"
STATE_KILLS = "test_state_kills.py"
EXPORT_KILLS = "test_export_kills.py"
WAY_BACK = "test_way_back.py"
PHASE = "test_state_phase.py"


@dataclass(frozen=True)
class Line:
    """One fault; ``tried`` holds the files, and in each the names of a class, a test,
    or a row or case of one.
    """

    what: str
    expected: str
    tried: tuple[tuple[str, str], ...]

    def shown(self, number: int) -> str:
        """Return the line as it is printed."""
        return f"{self.what:54} | {self.expected:62} | n={number}"


def line(what: str, expected: str, **tried: str) -> Line:
    """Name a file by its short name here, and in it names with spaces between."""
    found = [
        (globals()[short], name)
        for short, names in tried.items()
        for name in names.split()
    ]
    return Line(what, expected, tuple(found))


LINES = (
    line(
        "kill -9 around each step of a switch",
        "undone or completed by what is real",
        STATE_KILLS="TestKilledSwitch",
        ENGINES="TestKilled",
        MARIADB="test_run_again_after_a_kill",
        REDIS="TestSourceThatDies",
    ),
    line(
        "the same, and then the way back",
        "legacy is written, nothing lost",
        WAY_BACK="TestWayBack",
        MARIADB="test_gone_back_after_a_kill",
        PHASE="TestKilledInTheStatePhase",
    ),
    line(
        "kill -9 around each fsync and rename of an export",
        "gone on with in the same snapshot, no piece twice",
        EXPORT_KILLS="TestKilledExport",
    ),
    line(
        "kill -9 around each step and chunk of an import",
        "the next run brings what the ledger lacks",
        EXPORT_KILLS="TestKilledImport",
    ),
    line(
        "kill -9 at each durable step of a backup's catalogue",
        "it can be read; the only verified backup is never lost",
        KILLS="test_at_every_durable_step test_of_files_too "
        "test_at_steps_drawn_by_a_seed",
        BACKUPS="test_killed_in_the_middle",
    ),
    line(
        "kill -9 of the group; the job cancelled, its container gone",
        "the switch ends without it, or by the next run",
        SWITCH="TestSupervisedSwitch",
    ),
    line(
        "kill -9 of whoever copies a big table",
        "no chunk copied twice",
        POSTGRES="copier_killed",
        SWITCH="test_killed_ten_times_it_copies_no_chunk_twice",
    ),
    line(
        "disk full",
        "one error, nothing half; goes on when there is room",
        POSTGRES="record_disk_full no_room_to_begin target_full_in_copy "
        "target_full_in_apply",
        EXPORT="import_target_full",
        EXPORTS="TestFullDisk",
        BACKUPS="test_a_full_disk test_a_full_scratch",
    ),
    line(
        "fsync error",
        "one error; undone, or gone on with and whole",
        POSTGRES="record_fsync_fails",
        EXPORT="export_fsync_fails",
        KILLS="test_every_fsync_fails_once",
    ),
    line(
        "a program that helps is killed (psql, pg_restore, age ...)",
        "one error, nothing half; the next run is whole",
        EXPORT="psql_killed pg_restore_killed",
        BACKUPS="TestKilledProgram",
        MARIADB="test_a_program_that_is_killed_is_one_error_and_made_again",
    ),
    line(
        "connection dropped in copy, apply, drain, export",
        "repeated by chunk; the link goes on",
        POSTGRES="dropped_in_copy dropped_in_apply dropped_in_drain",
        EXPORTS="test_a_dropped_connection_is_one_error_and_gone_on_after",
    ),
    line(
        "connection half-open in copy, apply, drain",
        "given up after its time; undone at the deadline",
        POSTGRES="half_open_in_copy half_open_in_apply half_open_in_drain",
    ),
    line(
        "the acknowledgement of a commit is lost",
        "the ledger is believed",
        POSTGRES="commit_answer_lost",
        EXPORT="import_commit_answer_lost",
    ),
    line(
        "source or target crashes or fails over",
        "begun anew, gone on with, or named and not switched",
        POSTGRES="source_crashes target_crashes source_fails_over target_fails_over",
        MARIADB="test_a_restart_of_the_source_in_the_switch_undoes_it",
        REDIS="TestUndone",
    ),
    line(
        "the snapshot's holder is killed",
        "begun anew or refused, never mixed",
        POSTGRES="holder_killed",
        SWITCH="test_it_begins_anew_and_ends_equal "
        "test_it_fails_where_that_is_declared",
        EXPORTS="TestSnapshot",
    ),
    line(
        "the slot is lost",
        "link and switch refuse and say what to do",
        POSTGRES="slot_lost",
    ),
    line(
        "the disk of the write-ahead log is near its limit",
        "our slot goes before legacy stops, the copy fails",
        SWITCH="test_past_its_log_limit_the_slot_goes_and_the_copy_says_so",
    ),
    line(
        "a bit flips in chunk, journal, plan, manifest, signature",
        "refused, named",
        EXPORTS="test_is_refused[flipped test_a_flipped_bit_is_named",
        EXPORT_KILLS="test_a_chunk_that_was_harmed_in_between_is_copied_again",
        BACKUPS="test_a_flipped_bit test_a_changed_entry",
    ),
    line(
        "pieces are cut off or missing",
        "refused, named",
        EXPORTS="test_is_refused[missing test_is_refused[shorter "
        "test_is_refused[longer",
    ),
    line(
        "two exporters, two importers, two links at once",
        "one goes on, the others are told",
        EXPORTS="TestNeighbours",
        SWITCH="TestOneAtATime",
    ),
    line(
        "the clock jumps by an hour and more",
        "no deadline is past or never comes; what is told is true",
        POSTGRES="clock_runs_ahead clock_runs_back",
        EXPORT="clock_jumps_in_transfer",
    ),
    line(
        "DDL in the middle",
        "named, nothing is switched; waits while a copy runs",
        POSTGRES="ddl_in_the_middle",
        SWITCH="test_ddl_waits_until_the_copy_has_ended",
        EXPORTS="test_the_structure_cannot_change_meanwhile "
        "test_a_changed_structure_is_refused",
    ),
    line(
        "a right is revoked",
        "named; goes on when it is given back",
        POSTGRES="permission_revoked",
        EXPORTS="test_privileges_that_lack_are_named "
        "test_it_goes_on_when_a_revoked_permission_is_given_back",
    ),
    line(
        "writes during the fence",
        "refused, shown by a probe",
        SWITCH="TestFence",
        MARIADB="TestFence",
        FILES="test_a_probe_that_cannot_write test_a_service_that_does_not_obey",
    ),
    line(
        "the reverse link does not come up",
        "new is not opened, undone",
        SWITCH="test_reverse_link_that_does_not_come_up",
        MARIADB="test_a_way_back_that_cannot_be_made_costs_no_pause",
    ),
    line(
        "the drain takes too long",
        "undone, can be tried again",
        SWITCH="test_drain_that_takes_too_long",
        MARIADB="test_a_drain_that_does_not_end",
        REDIS="test_a_target_that_hangs",
    ),
    line(
        "long and prepared transactions",
        "refused before anything",
        SWITCH="test_a_long_transaction_is_refused_before_anything "
        "test_a_prepared_transaction_is_refused_before_anything "
        "test_a_transaction_that_pause_waits_for_too_long",
        MARIADB="test_a_long_transaction_is_refused",
        FILES="test_a_file_that_stays_open_for_writing",
    ),
    line(
        "a conflict in the reverse apply",
        "the way back waits; mended, it is whole",
        POSTGRES="reverse_conflict",
        MARIADB="test_a_link_that_is_broken_is_named",
    ),
    line(
        "sequences ahead of their rows, or behind",
        "new goes on behind the last number given; named",
        POSTGRES="sequences_ahead",
        SWITCH="test_a_sequence_behind_its_column_is_named",
    ),
    line(
        "a row altered, dropped, doubled",
        "named by its key, not equal",
        SWITCH="TestVerification",
        ENGINES="test_names_what_differs",
        EXPORTS="test_rows_that_differ_are_named",
    ),
    line(
        "`..`, absolute paths, links, devices, bombs",
        "refused before anything is unpacked",
        EXPORTS="test_is_refused[dots test_is_refused[absolute test_is_refused[link "
        "test_is_refused[pipe test_is_refused[device test_is_refused[socket "
        "test_is_refused[bomb test_is_refused[huge",
    ),
    line(
        "SQL in names",
        "names stay names, equal digests",
        POSTGRES="names_of_evil",
        EXPORTS="test_sql_in_names_is_a_name test_is_refused[SQL",
    ),
    line(
        "a manifest that is forged, replayed, or of an older export",
        "refused",
        EXPORTS="test_is_refused[other test_is_refused[replayed "
        "test_an_older_export_in_its_place_is_refused",
    ),
    line(
        "secrets in results, logs, process list, records",
        "none",
        SWITCH="TestModules test_it_leaves_no_secret_and_shows_none",
        EXPORTS="TestTransferModules",
        BACKUPS="test_no_secret",
    ),
    line(
        "a second identical run; check mode",
        "changes nothing",
        POSTGRES="second_run",
        SWITCH="test_there_and_back_through_the_modules",
        EXPORTS="test_out_and_in_again_through_the_modules",
    ),
    line(
        "random faults under a live writer",
        "each acknowledged write once on the authority, equal sides",
        RANDOM="TestRandomFaults",
    ),
)


def parts(nodeid: str) -> tuple[str, list[str]]:
    """Return a test's file, and the names by which a line may mean it."""
    path, *names = nodeid.split("::")
    last, _unused, case = names[-1].partition("[")
    return path.rpartition("/")[2], [*names[:-1], last, names[-1], case.rstrip("]")]


def means(tried: Sequence[tuple[str, str]], nodeid: str) -> bool:
    """Whether a test is one of those that a line names; ``test[word`` means each case
    that begins so.
    """
    file, names = parts(nodeid)
    return any(
        file == wanted
        and (name in names or ("[" in name and names[-2].startswith(name)))
        for wanted, name in tried
    )
