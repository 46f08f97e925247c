"""From the Procedures of a chart to operations: what belongs together, what counts, from which day. Reads no codes.

The order is the dossier's (section 0): set aside what was not done or is not of the spine, put together what was done in
one session, join staged fusions, let the latest operation of a region speak, keep what an old fusion forbids for good.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from operator import attrgetter

from msgspec import Struct

from cds_service.clinical.operation import (
    Assertion,
    Basis,
    DataQuality,
    Operation,
    Reading,
    Sentences,
    SetAside,
    Surgical,
)  # fmt: skip
from cds_service.clinical.surgery.classify import NoOperation, evidence_of, read_and_conclude, read_procedure
from cds_service.clinical.surgery.glance import Glimpse, conclude_together, glance_at
from cds_service.clinical.surgery.merge import (
    UNKNOWN_SPINE,
    Conclusion,
    conclude,
    regions_join,
    regions_touch,
    union_of,
)  # fmt: skip
from cds_service.clinical.surgery.spoken import Heard
from cds_service.clinical.surgery.tumour import find_spinal_tumour
from cds_service.knowledge.model import Knowledge, Severity
from cds_service.knowledge.surgery import LevelCount, SurgicalFact
from cds_service.patient.finding import Evidence
from cds_service.patient.record import PatientRecord, Precision, Procedure, When

_NOT_SURE = ("stopped", "unknown", None)
"""Status values of an operation of which we cannot tell how far it went."""
_FUSIONS = frozenset({"LUM_FUS", "THX_FUS", "CRV_ACDF", "CRV_PFUS", "DEF_ADULT"})
_PAEDIATRIC = "DEF_PED"
_FRONT = frozenset({"anterior", "lateral"})
_CODED, _REFINED, _TEXT, _CONFLICTING = Basis.CODED, Basis.REFINED, Basis.TEXT, Basis.CONFLICTING


class _Done(Struct):
    """A Procedure that counts: its reading and its day (the latest the record allows; None where none is told)."""

    procedure: Procedure
    reading: Reading
    day: date | None
    is_partial: bool
    found: Conclusion | None
    """What was concluded from the reading's facts; None where words alone tell."""
    glimpse: Glimpse | None
    """Whose reading it is, one without words and evidence; None for a whole reading."""

    def read_whole(self, knowledge: Knowledge) -> Reading:
        """Give the reading with its words."""
        return self.reading if self.glimpse is None else read_procedure(self.procedure, knowledge.surgery)

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        return self.reading.evidence if self.glimpse is None else evidence_of(self.procedure)


class _Session(Struct):
    """The Procedures of one operation and what they say together; *day* is the last day of its stages."""

    parts: list[_Done]
    companions: list[SurgicalFact]
    found: Conclusion
    day: date | None
    staged: bool = False
    notes: list[str] = []
    surgery_type: str = UNKNOWN_SPINE
    text_type: str | None = None
    also: tuple[str, ...] = ()
    revision: bool | None = None
    blocks_only: bool = False
    extra_evidence: tuple[Evidence, ...] = ()
    is_text_only: bool = False

    @property
    def surgery_class(self) -> str:
        return self.found.surgery_class or "other"

    @property
    def is_fusion(self) -> bool:
        return bool(self.found.fusion) or self.surgery_class in ("fusion", "deformity")


def find_operations(record: PatientRecord, knowledge: Knowledge, on: date) -> Surgical:
    """Find the operations of *record* as they stand on the day *on*, oldest first.

    An operation that is planned, cancelled, recorded by mistake or not of the spine is set aside and named.
    Source: dossier section 0 items 1 to 3, 4.1 (DQ01 to DQ08), section 9 rows 8, 11, 12.
    """
    done: list[_Done] = []
    planned: list[SetAside] = []
    ignored: list[SetAside] = []
    heard: Heard = {}
    companions: list[tuple[Procedure, tuple[SurgicalFact, ...]]] = []
    # the answer hangs on no order of sending
    procedures = sorted(record.procedures or (), key=attrgetter("reference"))
    for procedure in procedures:
        seen = glance_at(procedure, knowledge.surgery)
        if isinstance(seen, NoOperation):
            ignored.append(SetAside(procedure.reference, "DQ03", "; ".join(seen.because)))
            if seen.companions:
                companions.append((procedure, seen.companions))
            continue
        if seen is not None:
            reading, found = seen.reading, seen.found
        else:
            reading, found = read_and_conclude(procedure, knowledge.surgery, heard)
        aside = _set_aside(procedure, reading, on)
        if aside is None:
            done.append(_placed(procedure, reading, found, seen, on))
        elif aside.rule == "DQ01":
            planned.append(aside)
        else:
            ignored.append(aside)
            if reading.facts and aside.rule == "DQ03":
                companions.append((procedure, reading.facts))
    sessions = _sessions(done, companions, procedures, knowledge) if done else []
    if len(sessions) > 1:
        sessions = _join_repeats(sessions, knowledge)
    for session in sessions:
        _choose_type(session, record, knowledge, on)
    if len(sessions) > 1:
        sessions = _let_the_latest_speak(sessions, knowledge)
    only_old = _set_old_apart(sessions, knowledge, on)
    sessions.sort(key=lambda one: (one.day is None, one.day or on))
    return Surgical(
        operations=tuple([_operation(session, knowledge, on) for session in sessions]),
        planned=tuple(planned),
        ignored=tuple(ignored),
        data_quality=tuple(_doubts(sessions, planned, only_old, knowledge, on)),
    )


def _set_aside(procedure: Procedure, reading: Reading, on: date) -> SetAside | None:
    if not reading.is_spine_surgery:
        return SetAside(procedure.reference, "DQ03", "; ".join(reading.because))
    rule, because = _not_done_because(procedure, reading, on)
    return None if rule is None else SetAside(procedure.reference, rule, because, evidence_of(procedure))


def _not_done_because(procedure: Procedure, reading: Reading, on: date) -> tuple[str | None, str]:
    if procedure.status in ("not-done", "entered-in-error"):
        return "DQ02", f"status {procedure.status}"
    text_only = reading.basis is _TEXT
    if text_only and reading.assertion is Assertion.NEGATED:
        return "DQ02", "the text says that it was not done, or not on this patient"
    if procedure.status in ("preparation", "on-hold"):
        return "DQ01", f"status {procedure.status}: planned, not done"
    if text_only and reading.assertion is Assertion.PLANNED:
        return "DQ01", "the text says that it is planned"
    when = procedure.performed
    if when is not None and when.earliest is not None and when.earliest > on:
        return "DQ01", f"dated {when.as_recorded}, after {on}: planned, not done"
    return None, ""


def _placed(
    procedure: Procedure, reading: Reading, found: Conclusion | None, glimpse: Glimpse | None, on: date
) -> _Done:
    when = procedure.performed
    if procedure.status == "in-progress":
        return _Done(procedure, reading, on, False, found, glimpse)
    return _Done(procedure, reading, _latest_day(when, on), when is not None and when.is_partial, found, glimpse)


def _latest_day(when: When | None, on: date) -> date | None:
    """Give the latest day the record allows, never one after *on*: the operation is not in the future."""
    day = None if when is None else when.latest or when.earliest
    return None if day is None else min(day, on)


def _sessions(
    done: Sequence[_Done],
    companions: Sequence[tuple[Procedure, tuple[SurgicalFact, ...]]],
    everything: Sequence[Procedure],
    knowledge: Knowledge,
) -> list[_Session]:
    day = done[0].day
    if not companions and (
        len(done) == 1 or day is not None and all([one.day == day and not one.is_partial for one in done])
    ):
        return [_session(cluster, [], knowledge) for cluster in _by_region(list(done), knowledge)]
    groups = _Groups()
    for procedure in everything:
        for parent in procedure.part_of:
            groups.bind(procedure.reference, parent)
    for one in done:
        for tie in _ties(one.procedure, one.day if not one.is_partial else None):
            groups.bind(one.procedure.reference, tie)
    for procedure, _ in companions:
        for tie in _ties(procedure, procedure.performed.latest if procedure.performed else None):
            groups.bind(procedure.reference, tie)
    found: dict[_Name, list[_Done]] = {}
    for one in done:
        found.setdefault(groups.root(one.procedure.reference), []).append(one)
    sessions: list[_Session] = []
    for root, parts in found.items():
        beside = [fact for procedure, facts in companions if groups.root(procedure.reference) == root for fact in facts]
        sessions += [_session(cluster, beside, knowledge) for cluster in _by_region(parts, knowledge)]
    return sessions


_Name = str | tuple[str, str | date]
"""What belongs together has a name: the reference of a Procedure, or what binds (its day, its encounter)."""


class _Groups:
    """Which names belong together (union of pairs)."""

    def __init__(self) -> None:
        self._parents: dict[_Name, _Name] = {}

    def root(self, name: _Name) -> _Name:
        while (parent := self._parents.get(name, name)) != name:
            name = parent
        return name

    def bind(self, one: _Name, other: _Name) -> None:
        self._parents[self.root(one)] = self.root(other)


def _ties(procedure: Procedure, day: date | None) -> list[_Name]:
    """Same day, same month where the day was not recorded, and same encounter bind."""
    ties: list[_Name] = [("day", day)] if day is not None else []
    if procedure.performed is not None and procedure.performed.precision is Precision.MONTH:
        ties.append(("month", procedure.performed.as_recorded))
    if procedure.encounter:
        ties.append(("encounter", procedure.encounter))
    return ties


def _by_region(parts: list[_Done], knowledge: Knowledge) -> list[list[_Done]]:
    """Part what was done in one session at places far from each other; what names no place goes with the chief one."""
    if len(parts) == 1:
        return [parts]
    region = parts[0].reading.region
    if region and all([part.reading.region == region for part in parts]):
        return [parts[::-1]]  # in the order that the clusters below would have
    clusters: list[list[_Done]] = []
    for one in sorted((part for part in parts if part.reading.region), key=lambda part: part.procedure.reference):
        near = [cluster for cluster in clusters if any(_belong(one, other, knowledge) for other in cluster)]
        merged = [one, *(other for cluster in near for other in cluster)]
        clusters = [cluster for cluster in clusters if cluster not in near] + [merged]
    loose = [part for part in parts if not part.reading.region]
    if not clusters:
        return [loose]
    chief = min(clusters, key=lambda cluster: min(_rank(part, knowledge) for part in cluster))
    chief += loose
    return clusters


def _belong(one: _Done, other: _Done, knowledge: Knowledge) -> bool:
    regions = one.reading.region, other.reading.region
    if regions_touch(*regions):
        return True
    both_fuse = bool(one.reading.fusion) and bool(other.reading.fusion)
    same_type = one.reading.surgery_type == other.reading.surgery_type != UNKNOWN_SPINE
    return (both_fuse or same_type) and regions_join(regions[0] or "", regions[1] or "")


def _rank(part: _Done, knowledge: Knowledge) -> int:
    classes = knowledge.surgery.classes
    return min((classes[fact.surgery_class].rank for fact in part.reading.facts if fact.surgery_class), default=99)


def _session(parts: list[_Done], companions: list[SurgicalFact], knowledge: Knowledge) -> _Session:
    days = [part.day for part in parts if part.day is not None and not part.is_partial]
    if not days:
        days = [part.day for part in parts if part.day is not None]
    session = _Session(parts, companions, _conclude(parts, companions, knowledge), max(days, default=None))
    session.is_text_only = all([part.reading.basis is _TEXT for part in parts])
    return session


def _conclude(parts: list[_Done], companions: list[SurgicalFact], knowledge: Knowledge) -> Conclusion:
    glimpses = [part.glimpse for part in parts if part.glimpse is not None]
    if len(glimpses) == len(parts):
        found = conclude_together(
            glimpses,
            companions,
            lambda: [*_facts_once([part.reading.facts for part in parts]), *companions],
            knowledge.surgery,
        )
        if not found.conflicts:
            return found
    only = parts[0].found if len(parts) == 1 and not companions else None
    if only is not None and len(set(parts[0].reading.facts)) == len(parts[0].reading.facts):
        return only
    whole = [part.read_whole(knowledge).facts for part in parts]
    return conclude([*_facts_once(whole), *companions], knowledge.surgery)


def _facts_once(readings: Sequence[tuple[SurgicalFact, ...]]) -> list[SurgicalFact]:
    """Give every fact once though several systems sent it; an add-on code sent twice may be two levels: a minimum."""
    told = [fact for facts in readings for fact in facts]
    if len(set(told)) == len(told):
        return told
    kept: list[SurgicalFact] = []
    for facts in readings:
        for fact in dict.fromkeys(facts):
            times = facts.count(fact)
            known = kept.count(fact)
            if known and fact.addon and fact.count is not None and fact.origin == "code":
                kept = [_at_least(one) if one == fact else one for one in kept]
                continue
            kept += [fact] * max(times - known, 0)
    return kept


def _at_least(fact: SurgicalFact) -> SurgicalFact:
    count = fact.count
    return fact if count is None else fact._replace(count=LevelCount(count.least, None))


def _join_repeats(sessions: list[_Session], knowledge: Knowledge) -> list[_Session]:
    """Join what is one operation recorded on two days: a night between two entries, a vague date, the stages of a fusion."""
    ordered = sorted((one for one in sessions if one.day is not None), key=lambda one: one.day or date.min)
    joined: list[_Session] = []
    for later in ordered:
        for number, earlier in enumerate(joined):
            stages = _are_stages(earlier, later, knowledge)
            if stages or _are_one(earlier, later, knowledge):
                joined[number] = _join(earlier, later, stages, knowledge)
                break
        else:
            joined.append(later)
    return joined + [one for one in sessions if one.day is None]


def _gap_days(earlier: _Session, later: _Session) -> int:
    assert earlier.day is not None and later.day is not None
    return (later.day - earlier.day).days


def _are_stages(earlier: _Session, later: _Session, knowledge: Knowledge) -> bool:
    """A fusion from the front and one from the back within the staged-fusion days are one."""
    if not (earlier.is_fusion and later.is_fusion and earlier.found.region and later.found.region):
        return False
    ways = {earlier.found.approach, later.found.approach}
    front_and_back = bool(ways & _FRONT) and "posterior" in ways
    near = regions_join(earlier.found.region, later.found.region)
    return front_and_back and near and 0 < _gap_days(earlier, later) <= knowledge.settings["staged_fusion_days"]


def _are_one(earlier: _Session, later: _Session, knowledge: Knowledge) -> bool:
    same = earlier.found.surgery_type == later.found.surgery_type and earlier.found.region == later.found.region
    if not same or _apart(earlier, later):
        return False
    if _gap_days(earlier, later) <= knowledge.settings["same_operation_days"]:
        return True
    return any(_is_vague_copy(vague, exact) for vague, exact in ((earlier, later), (later, earlier)))


def _is_vague_copy(vague: _Session, exact: _Session) -> bool:
    """The same operation with only a month or year, beside one with its day in that month or year."""
    if not all(part.is_partial for part in vague.parts) or any(part.is_partial for part in exact.parts):
        return False
    spans = [part.procedure.performed for part in vague.parts]
    return all(
        when is not None and when.earliest is not None and exact.day is not None
        and when.earliest <= exact.day <= (when.latest or exact.day)
        for when in spans
    )  # fmt: skip


def _apart(one: _Session, other: _Session) -> bool:
    """Levels are told for both, and none is shared."""
    return bool(one.found.names and other.found.names) and not set(one.found.names) & set(other.found.names)


def _join(earlier: _Session, later: _Session, staged: bool, knowledge: Knowledge) -> _Session:
    session = _session([*earlier.parts, *later.parts], [*earlier.companions, *later.companions], knowledge)
    session.notes = [*earlier.notes, *later.notes]
    session.staged = staged or earlier.staged or later.staged
    if staged:
        session.day = later.day
        session.notes.append(
            f"staged fusion: stages of {earlier.day} and {later.day} are one operation, dated at the last"
        )
    else:
        session.notes.append(f"entries of {earlier.day} and {later.day} are one operation")
    return session


def _choose_type(session: _Session, record: PatientRecord, knowledge: Knowledge, on: date) -> None:
    found = session.found
    session.surgery_type, session.also, session.revision = found.surgery_type, found.also, found.revision
    if session.is_text_only:
        guesses = [part.reading.surgery_type for part in session.parts if part.reading.surgery_type != UNKNOWN_SPINE]
        session.text_type = guesses[0] if guesses else None
        session.surgery_type, session.also = UNKNOWN_SPINE, ()
        return
    _pull_conflicts(session)
    if session.surgery_type == UNKNOWN_SPINE:
        if not session.is_fusion:
            _see_tumour(session, record, knowledge, on)
        return
    if not _see_tumour(session, record, knowledge, on):
        _see_age(session, record, knowledge)


def _pull_conflicts(session: _Session) -> None:
    """A Procedure that contradicts itself, or whose status leaves open what was done, makes the operation unknown."""
    for part in session.parts:
        if part.procedure.status in _NOT_SURE and session.surgery_type != UNKNOWN_SPINE:
            session.notes.append(
                f"status {part.procedure.status or 'missing'}: how far it went is not known"
                f" (it would be {session.surgery_type})"
            )
            session.surgery_type, session.also = UNKNOWN_SPINE, ()
        if part.reading.basis is _CONFLICTING and part.reading.coded_type == UNKNOWN_SPINE:
            session.surgery_type, session.also = UNKNOWN_SPINE, ()


def _see_tumour(session: _Session, record: PatientRecord, knowledge: Knowledge, on: date) -> bool:
    if session.surgery_type == "TUMOUR":
        return True
    reasons = [reason for part in session.parts for reason in part.procedure.reasons]
    if not reasons and not record.conditions:
        return False
    finding = find_spinal_tumour(record.conditions or (), reasons, knowledge.surgery, on)
    if finding is None:
        return False
    session.notes.append(f"{finding.because}: TUMOUR instead of {session.surgery_type}")
    session.surgery_type, session.also, session.extra_evidence = "TUMOUR", (), finding.evidence
    return True


def _see_age(session: _Session, record: PatientRecord, knowledge: Knowledge) -> None:
    born = record.patient.birth_date if record.patient else None
    fuses = session.is_fusion and session.surgery_type in _FUSIONS
    if not fuses or born is None or born.latest is None or session.day is None:
        return
    adult_from = knowledge.settings["adult_from_years"]
    youngest = _age_years(born.latest, session.day)
    if youngest >= adult_from:
        return
    oldest = _age_years(born.earliest or born.latest, session.day)
    neck = (session.surgery_type,) if union_of([session.found.region]) == "cervical" else ()
    if oldest < adult_from:
        session.notes.append(f"age {oldest} on the day of the operation: a fusion under {adult_from} is {_PAEDIATRIC}")
        session.surgery_type, session.also = _PAEDIATRIC, (*neck, *(session.also if neck else ()))
    else:
        session.notes.append(f"the birth date leaves open whether the age was under {adult_from}")
        session.also = (*session.also, _PAEDIATRIC)


def _age_years(born: date, day: date) -> int:
    return day.year - born.year - ((day.month, day.day) < (born.month, born.day))


def _let_the_latest_speak(sessions: list[_Session], knowledge: Knowledge) -> list[_Session]:
    """Apply "same region or a revision: latest date"; different regions stay side by side.

    What the later operation includes ends with it; what it does not include goes on, dated like the later one, or, when
    it had healed by then, with what it forbids for good.  Source: dossier section 0 item 3.
    """
    dated = sorted((one for one in sessions if one.day is not None), key=lambda one: one.day or date.min)
    undated = [one for one in sessions if one.day is None]
    standing: list[_Session] = []
    for later in dated:
        for earlier in list(standing):
            if not earlier.blocks_only and _same_place(earlier, later):
                if _give_way(earlier, later, knowledge):
                    standing.remove(earlier)
        standing.append(later)
    return standing + undated


def _same_place(earlier: _Session, later: _Session) -> bool:
    if earlier.found.region is None or later.found.region is None:
        # Codes for hardware removal name no region: what is taken out was put in at an earlier fusion.
        return later.surgery_type == "HW_REM" and later.found.region is None and earlier.is_fusion
    return regions_touch(earlier.found.region, later.found.region)


def _give_way(earlier: _Session, later: _Session, knowledge: Knowledge) -> bool:
    """Settle an earlier operation of the same region; True where nothing of it is left to say."""
    gap_weeks = _gap_days(earlier, later) // 7
    if gap_weeks > knowledge.settings["old_operation_weeks"]:
        return False
    if _is_repeat(earlier, later):
        later.revision = True
        later.notes.append(f"operated on before at the same place on {earlier.day}: read as a revision")
    if later.surgery_type == "HW_REM" or gap_weeks >= knowledge.settings["healed_operation_weeks"]:
        healed = gap_weeks >= knowledge.settings["healed_operation_weeks"]
        earlier.blocks_only = healed
        if healed:
            earlier.notes.append(f"healed when operated on again on {later.day}: what it forbids for good still holds")
        return not earlier.is_fusion and healed
    classes = knowledge.surgery.classes
    subsumed = classes[later.surgery_class].subsumes
    same = earlier.surgery_class == later.surgery_class and earlier.surgery_type == later.surgery_type
    if same or subsumed is None or earlier.surgery_class in subsumed:
        later.notes.append(
            f"the operation of {earlier.day} at the same place is followed by this one: the latest date counts"
        )
        later.extra_evidence = (*later.extra_evidence, *_evidence(earlier))
        return True
    earlier.notes.append(f"operated on again at the same place on {later.day}: counted from that day")
    earlier.day = later.day
    return False


def _is_repeat(earlier: _Session, later: _Session) -> bool:
    both_fuse = earlier.is_fusion and later.is_fusion
    both_discs = earlier.surgery_class == later.surgery_class == "discectomy"
    return (both_fuse or both_discs) and not _apart(earlier, later) and not later.is_text_only


def _set_old_apart(sessions: list[_Session], knowledge: Knowledge, on: date) -> bool:
    """Leave of old operations beside a recent one only what they forbid for good; tell whether all are old (DQ08)."""
    if not sessions:
        return False
    limit_days = knowledge.settings["old_operation_weeks"] * 7
    old = [one for one in sessions if one.day is not None and (on - one.day).days > limit_days]
    if len(old) == len(sessions):
        return True
    for one in old:
        one.blocks_only = True
        one.notes.append(
            f"older than {knowledge.settings['old_operation_weeks']} weeks: what it forbids for good still holds"
        )
    return False


def _operation(session: _Session, knowledge: Knowledge, on: date) -> Operation:
    found, day, count = session.found, session.day, session.found.count
    chief = session.parts[0].reading
    told = chief if session.is_text_only else found
    recorded: dict[str, None] = {}
    references: dict[str, None] = {}
    is_partial = True
    alternatives, conflicts = list(found.alternatives), list(found.conflicts)
    for part in session.parts:
        reading = part.reading
        if part.procedure.performed is not None:
            recorded[part.procedure.performed.as_recorded] = None
        references[part.procedure.reference] = None
        is_partial = is_partial and part.is_partial
        alternatives += reading.alternatives
        conflicts += reading.conflicts
    after = (on - day).days if day is not None else None
    week = None if after is None else after // 7
    return Operation(
        surgery_type=session.surgery_type,
        date=day,
        date_as_recorded=", ".join(recorded) or None,
        date_is_partial=is_partial,
        post_op_day=after,
        completed_week=week,
        effective_week=week,
        shift_weeks=0,
        phase=None,
        region=told.region,
        levels=found.names or (chief.levels if told is chief else ()),
        level_count=count.least if count else (chief.level_count if told is chief else None),
        level_count_is_minimum=not count.is_exact if count else chief.level_count_is_minimum,
        fusion=told.fusion,
        instrumented=told.instrumented,
        approach=told.approach,
        technique=found.technique or chief.technique,
        revision=session.revision,
        staged=session.staged,
        basis=_CONFLICTING if conflicts else _TEXT if told is chief else _REFINED if found.refined else _CODED,
        because=Sentences(lambda: _because(session, knowledge)),
        evidence=(*_evidence(session), *session.extra_evidence),
        procedures=tuple(references),
        alternatives=tuple(dict.fromkeys(alternatives)),
        conflicts=tuple(dict.fromkeys(conflicts)),
        text_type=session.text_type,
        permanent_blocks_only=session.blocks_only,
        also_types=session.also,
    )


def _because(session: _Session, knowledge: Knowledge) -> tuple[str, ...]:
    told = [sentence for part in session.parts for sentence in part.read_whole(knowledge).because]
    return tuple(dict.fromkeys([*told, *session.found.because, *session.notes]))


def _evidence(session: _Session) -> tuple[Evidence, ...]:
    return tuple(dict.fromkeys([one for part in session.parts for one in part.evidence]))


def _doubts(
    sessions: Sequence[_Session], planned: Sequence[SetAside], only_old: bool, knowledge: Knowledge, on: date
) -> Iterable[DataQuality]:
    for aside in planned:
        yield _doubt("DQ01", aside.because, aside.evidence, knowledge)
    current = [one for one in sessions if not one.blocks_only]
    for session in current:
        if session.is_text_only:
            guess = f"; the words suggest {session.text_type}" if session.text_type else ""
            told = f"the operation is told by words only, no code{guess}"
            yield _doubt("DQ05", told, _evidence(session), knowledge)
        elif session.surgery_type == UNKNOWN_SPINE:
            why = (
                session.found.conflicts or tuple(session.notes[-1:]) or ("the codes tell no type that has a protocol",)
            )
            yield _doubt("DQ04", "; ".join(why), _evidence(session), knowledge)
        if session.day is None:
            yield _doubt("DQ06", "the operation has no date", _evidence(session), knowledge)
    far = _far_apart(current)
    if far:
        days = " and ".join(f"{one.found.region} on {one.day or 'a day not told'}" for one in far)
        yield _doubt("DQ07", f"operations in different regions: {days}", (), knowledge)
    if only_old:
        newest = max(one.day for one in sessions if one.day is not None)
        weeks = (on - newest).days // 7
        yield _doubt("DQ08", f"the latest spine operation is {weeks} weeks old", _evidence(sessions[-1]), knowledge)


def _far_apart(sessions: Sequence[_Session]) -> tuple[_Session, _Session] | None:
    for number, one in enumerate(sessions):
        for other in sessions[number + 1 :]:
            if not regions_touch(one.found.region, other.found.region):
                return one, other
    return None


def _doubt(rule: str, because: str, evidence: tuple[Evidence, ...], knowledge: Knowledge) -> DataQuality:
    known = knowledge.data_quality.get(rule)
    return DataQuality(rule, known.severity if known else Severity.WARNING, because, evidence)
