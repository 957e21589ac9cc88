"""Everything that can be said, as one discriminated union on `type`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from protocol import (
    advice,
    artifact,
    brief,
    bundle,
    control,
    critique,
    data,
    experiment,
    foreign,
    found,
    generation,
    job,
    mcp,
    preflight,
    research,
    runs,
    schedule,
    score,
    studio,
    thought,
    worker,
)
from protocol.message import Message

AnyMessage = Annotated[
    brief.Brief
    | research.ReviewRequest
    | research.Review
    | data.OverlapRequest
    | data.Overlap
    | data.CurateRequest
    | data.DataPlan
    | experiment.ProposeRequest
    | experiment.Proposals
    | schedule.ScheduleRequest
    | schedule.Schedule
    | schedule.RungCheck
    | schedule.RungVerdict
    | schedule.DiagnoseRequest
    | schedule.Diagnosis
    | job.Job
    | job.JobAccepted
    | job.JobGivenBack
    | job.JobStarted
    | job.JobMetric
    | job.JobLog
    | job.JobCheckpoint
    | job.JobAlert
    | job.JobFinished
    | job.JobFailed
    | job.JobCancelled
    | job.CancelJob
    | score.PrepareEval
    | score.EvalReady
    | score.ScoreRequest
    | score.Scored
    | score.ShipRequest
    | score.Shipped
    | bundle.BundleRequest
    | bundle.Bundled
    | critique.CritiqueRequest
    | critique.Critique
    | critique.Verdict
    | advice.AdviceRequest
    | advice.Advice
    | advice.NotHeard
    | foreign.Foreign
    | worker.WorkerOrder
    | worker.WorkerState
    | artifact.PutArtifacts
    | artifact.ArtifactsPut
    | artifact.GetArtifact
    | artifact.ArtifactGot
    | runs.StartRun
    | runs.RunAccepted
    | runs.ListRuns
    | runs.RunList
    | preflight.PreflightRequest
    | preflight.Preflight
    | preflight.SignatureRequest
    | preflight.Signature
    | preflight.LibrarySourceRequest
    | preflight.LibrarySource
    | generation.GenerateRequest
    | generation.Generated
    | generation.Synthesized
    | found.DatasetTaken
    | thought.ToolCalled
    | thought.Thought
    | thought.Fallback
    | mcp.ServerTools
    | thought.Question
    | thought.Reply
    | studio.DraftTask
    | studio.TaskDrafted
    | studio.OpenRun
    | studio.RunOpened
    | studio.ForkRun
    | studio.RunForked
    | studio.StepTaken
    | studio.ApprovalWanted
    | studio.Approval
    | studio.Steered
    | control.RunStarted
    | control.FloorBanked
    | control.StrategyClosed
    | control.Refused
    | control.Tell
    | control.CancelRun
    | control.RunEnded
    | control.Published
    | control.Tracking
    | control.Working
    | control.Failure
    | control.DeadLetter,
    Field(discriminator="type"),
]

KINDS: dict[str, type[Message]] = {
    kind.model_fields["type"].default: kind
    for kind in AnyMessage.__origin__.__args__  # type: ignore[attr-defined]
}
"""Tag → class, in the order of the union."""
