"""What the reference allows: generated mutants that are no lies, with the reason.

A pattern is matched with the whole name of a mutant. Numbers are those of the open questions of
the fact sheets (`U…` of TAMS, `W…` of the Workshop).
"""

from __future__ import annotations

import re

_PRESENCE = r"(drop|rename|null|empty)"
_VALUE = r"(other-letter|other-case|constant|value=.*|swap=.*)"
_NUMBER = r"(plus-one|minus-one|constant)"
_ORDER = "short|repeat|reverse|same-items"
_JOB = r"tams:(getJob|create\w*Job)"
_MADE = r"(images|videos)\[\]"
_ITEM = r"job\.(running|success)Info\.workflowFinishItem"
_STATE = r"workshop:\w+GetProgress:\w+:data\.state"

ALLOWED: tuple[tuple[str, str], ...] = (
    # Values without a meaning that the reference gives.
    (r"tams:.*:(4\d\d|5\d\d):.*(message|tips|details\b.*):" + _VALUE,
     "Words of refusals are free; mutants written by hand change those that are documented."),
    (r"tams:.*:(4\d\d|5\d\d):code:.*(one|thousand\w*|constant)",
     "The codes of refusals are open questions (U4, U11, U12, U43, U57)."),
    (r"tams:.*:(4\d\d|5\d\d):(details.*|tips):(" + _PRESENCE + "|short|repeat|reverse|stray)",
     "Empty members are left out, and tips are one possibility (U4)."),
    (r"tams:.*:[45]\d\d:details\[\]\.[^:]*:.*", "What details hold is free, but for few words."),
    (r".*::status=429", "A busy service answers it, so the suite calls again."),
    (r"tams:.*:401:.*", "The body of a 401 is open, and an unknown app may be a 404 (U4, U5, U6)."),
    (r"tams:getJob:400::status=401", "What an id is that is no number is open (U57)."),
    (r"tams:.*:400::status=(403|404|409|500)", "Some refusals have an open status (U9, U11, U12)."),
    (r"tams:.*:404::status=(400|401|403|409)", "Some refusals have an open status (U5, U9, U43)."),
    (r"tams:.*:(429|503|500|413):.*", "When these come, and what they say, is open (U10, U11)."),
    (r"tams:cancelJob:400:.*", "What cancelling a finished job does is open (U31)."),
    (r"tams:createJob:success:.*", "Nobody knows when a call is answered 202 (U60)."),
    # Jobs.
    (_JOB + r":PENDING:.*", "Nobody saw this state (U29)."),
    (_JOB + r":(?!any).*\bstages\b.*", "The shape of 2023 may come or not (U55)."),
    (_JOB + r":(CREATED|FAILED|CANCELED):job\.credits:" + _PRESENCE,
     "New jobs may have no price; that of jobs that ended without a result is open (U33)."),
    (_JOB + r":(WAITING|again):job\.waitingInfo\.queue(Rank|Len):(drop|rename)",
     "A rank of zero may be left out, and the length is newer (U28)."),
    (_JOB + r":(WAITING|again):job\.waitingInfo\.queue(Rank|Len):"
     r"(plus-one|minus-one|thousandth|other-letter|constant)",
     "Others move the queue, and ranks begin at 0 or 1 (U28)."),
    (_JOB + r":(WAITING|again):job\.waitingInfo\.queueLen:thousandfold", "A queue may be long."),
    (_JOB + r":(WAITING|again):job\.waitingInfo:(empty|wrap|constant)",
     "A rank of zero may be left out (U28)."),
    (r"tams:getJob:(CREATED|WAITING|RUNNING)::status=202",
     "The call is made again, and answered in a later state."),
    (_JOB + r":RUNNING:job\.runningInfo\.processingImages\[\]\.progress:"
     r"(plus-one|minus-one|thousandth|constant|drop|rename)",
     "Progress may be coarse, and zero is left out (U53)."),
    (_JOB + r":RUNNING:job\.runningInfo(\.processingImages)?:" + _PRESENCE,
     "Nothing is made yet, and empty members are left out (U53)."),
    (_JOB + r":RUNNING:job\.runningInfo\.processingImages:(" + _ORDER + ")",
     "Which pictures are in the making is open."),
    (_JOB + r":RUNNING:job\.runningInfo\.processingImages\[\]\.resourceImage\b.*",
     "What is shown of a picture in the making is open."),
    (_JOB + r":SUCCESS:job\.successInfo\.videos\[\]\.id:other-letter", "Nothing else names it."),
    (_JOB + rf":SUCCESS:job\.successInfo\.({_MADE}\.expiredIn|runtime):"
     r"(plus-one|minus-one|other-letter)",
     "Seconds may be rounded."),
    (_JOB + rf":SUCCESS:job\.successInfo\.({_MADE}\.expiredIn|runtime):constant",
     "Two jobs may take equally long, and lives may be constant (U50)."),
    (_JOB + r":.*\.format:.*", "A format may come or not (U56)."),
    (_JOB + rf":.*:job\.successInfo\.{_MADE[:-4]}:reverse", "Pictures have no order."),
    (_JOB + rf":.*:{_ITEM}\.(id|status|progress|step|ctime|mtime|finishedNodes)\b.*",
     "What stands beside the nodes is open (U54)."),
    (_JOB + rf":.*:{_ITEM}\.nodes\.{{}}\.(process|status):{_PRESENCE}",
     "Only samplers have a process (U54)."),
    (_JOB + rf":.*:{_ITEM}\.nodes\.{{}}\.(id|status|process|outputUi|"
     rf"outputUi\.images\[\]\.(type|format|width|height|imageResourceId)):{_PRESENCE}",
     "It was printed once, of a job that runs (U54)."),
    (_JOB + rf":.*:{_ITEM}\.nodes\.{{}}\.(status|process|outputUi\.images\[\]\.format):"
     rf"({_VALUE}|.*one|thousand\w*)", "Which words and numbers come is open (U54)."),
    (_JOB + rf":.*:{_ITEM}\.nodes\.{{}}\.outputUi\.images\[\]\.imageResourceId:{_VALUE}",
     "Nothing else names it."),
    (_JOB + rf":RUNNING:{_ITEM}(\.nodes)?:(constant|empty|drop|rename|swap=.*)",
     "What is shown of a graph that runs is open (U54)."),
    (_JOB + r":SUCCESS:job\.successInfo\.images:swap=videos", "Nothing has both."),
    (_JOB + r":FAILED:job\.failedInfo:constant", "Reasons and codes are free (U26)."),
    (_JOB + r":.*:job\.failedInfo\.(code|reason):" + _VALUE, "Reasons and codes are free (U26)."),
    (_JOB + r":.*:job\.failedInfo\.code:.*", "Reasons and codes are free (U26)."),
    # Other answers of TAMS.
    (r"tams:checkWorkflowTemplate:success:valid:(drop|rename|negated|stray)",
     "Whether the good reply has it is open (U40)."),
    (r"tams:getModel:success:model\.(description|showcaseImageUrls|triggerWords|projectName|"
     r"baseModel|modelType):" + _PRESENCE, "Empty members are left out (U53)."),
    (r"tams:getModel:success:model\.(description|triggerWords|projectName|name|baseModel|"
     r"showcaseImageUrls\[\]):" + _VALUE, "What a model is called is its owner's matter."),
    (r"tams:getModel:success:model\.(description|triggerWords|projectName|name|baseModel):empty",
     "What a model is called is its owner's matter."),
    (r"tams:getModel:success:model\.showcaseImageUrls:(" + _ORDER + "|constant)",
     "Which pictures show a model is its owner's matter."),
    (r"tams:getWorkflowTemplate:success:name:(" + _VALUE + "|empty)",
     "What a template is called is its owner's matter."),
    (r"tams:getWorkflowTemplate:success:fields\.fieldAttrs\[\]\.(nodeName|inputString|fieldValue)"
     r":.*", "These may come or not, and values are any JSON (5.7)."),
    (r"tams:getWorkflowTemplate:success:fields\.fieldAttrs:reverse", "Fields have no order."),
    (r"tams:createResourceImage:success:headers\..*:.*", "The headers are the store's."),
    (r"tams:createResourceImage:success:headers:(empty|constant)",
     "The headers are the store's."),
    (r"tams:createResourceImageSts:success:resourceId:other-letter", "Forms are open (U49)."),
    (r"tams:createResourceImageSts:success:(?!resourceId)\w+:" + _VALUE,
     "What a form has in its fields is open (U49)."),
    (r"tams:createResourceImageSts:success:(?!resourceId)\w+:(empty|.*one|thousand.*)",
     "What a form has in its fields is open (U49)."),
    (r"tams:controlnetDetect:success:result\..*", "What a detection tells is open (U63)."),
    (r"tams:controlnetDetect:success:result:(empty|constant|wrap)",
     "What a detection tells is open (U63)."),
    (r"tams:img2Prompt:success:prompts(\[\])?:(" + _VALUE + "|empty|" + _ORDER + ")",
     "Which words describe a picture is open (U64)."),
    (r"tams:(getModel|getWorkflowTemplate|getJobCredits|checkWorkflow\w+|controlnetDetect|"
     r"img2Prompt):success::(of-another-account|stale)",
     "The answer may be the same for everybody."),
    # The Workshop: envelopes.
    (r"workshop:.*:(startTime|endTime):(?!drop|rename).*", "What these mean is open (W36)."),
    (r"workshop:.*:apiInvokeId:(other-letter|other-case)", "An id is opaque."),
    (r"workshop:.*:failure:apiInvokeId:swap=.*", "An id is opaque, and codes and words are free."),
    (r"workshop:.*:(?!\d\d\d)\w+:x-ca-request-id:drop", "The gateway's own refusals must have it."),
    (r"workshop:.*:failure:(sub)?[eE]rr(Code|Message):(?!drop|rename|retype|wrap).*",
     "Codes and words of failures are open (W20)."),
    (r"workshop:.*:failure::status=(201|202)", "The status of a failure is open (W21)."),
    (r"workshop:.*:\d\d\d::status=.*", "The statuses of refusals are open (W23)."),
    (r"workshop:.*:429:.*", "Flow control is open (W29)."),
    (r"workshop:.*:stray", "Other states have what their tests look for."),
    # Tokens and sessions.
    (r"workshop:allocateToken:failure::accepted", "Which tokens are refused is open (W12, W18)."),
    (r"workshop:.*:data\.tokenExpiredAt:constant", "Tokens may expire at the same time."),
    (r"workshop:.*:data\.usedSessionTimeInSeconds:(constant|thousand.*)",
     "What counts as used, and when, is open (W16)."),
    (r"workshop:.*:data\.(expiredAt|expiredInSeconds):(plus-one|minus-one)",
     "Moments and seconds may be rounded."),
    # Tasks.
    (r"workshop:comfyPrompt:.*:data\.estimatedDurationInSeconds:"
     + _NUMBER[:-1] + "|thousandth)", "An estimate may be coarse."),
    (r"workshop:\w+GetProgress:running:data\.(progress|etaRelative):"
     r"(thousandth|constant)", "Progress and estimates may be coarse."),
    (r"workshop:\w+GetProgress:(running|waiting):data\.(etaRelative|lastQueueRemaining):"
     r"(plus-one|minus-one|thousandth|constant|swap=lastQueueRemaining)",
     "Estimates may be coarse."),
    (r"workshop:\w+GetProgress:succeeded:data\.etaRelative:thousand\w*", "It is zero."),
    (r"workshop:\w+GetProgress:waiting:data\.(progress|etaRelative):(thousand\w*|swap=progress)",
     "Both are zero, as was observed."),
    (r"workshop:\w+GetProgress:waiting:data\.lastQueueRemaining:"
     r"(plus-one|minus-one|constant|thousand.*)", "Others move the queue."),
    (r"workshop:\w+GetProgress:\w+:data\.message:.*", "Messages are free, and may be absent."),
    (_STATE + r":(drop|rename|null|empty|constant)", "The state may be absent."),
    (_STATE + r"\.(job|nodeLabel):(" + _VALUE + "|empty)", "Names in a state are free."),
    (_STATE + r"\.(job_no|job_count|job_timestamp|sampling_steps?|step|maxSteps):"
     r"(.*one|thousand.*|constant|swap=.*)", "Counters in a state are free."),
    (r"workshop:sdGetResult:succeeded:data\.(parameters|info)\..*:(?!retype|wrap|null).*",
     "What parameters and info hold is free."),
    (r"workshop:sdGetResult:succeeded:data\.(parameters|info):(empty|constant|swap=.*)",
     "What parameters and info hold is free."),
    (r"workshop:comfyGetResult:succeeded:data\.(taskDuration|task\w+Time):(plus-one|minus-one)",
     "Milliseconds may be rounded."),
    (r"workshop:comfyGetResult:succeeded:data\.taskDuration:constant",
     "Two tasks may take equally long."),
    (r"workshop:comfyGetResult:succeeded:data\.result\.{}\."
     r"(filename|object_key|format|width|height):" + _PRESENCE,
     "Which members a file has depends on its kind."),
    (r"workshop:comfyGetResult:succeeded:data\.result\.{}\.(filename|object_key):" + _VALUE,
     "Names of files are free."),
    (r"workshop:comfyGetResult:succeeded:data\.result(\.{})?:(null|empty|constant)",
     "Which output fields a workflow has is its owner's matter."),
    (r"workshop:comfyGetResult:succeeded:data\.result\.{}\.format:" + _VALUE,
     "How formats are called is not said."),
    (r"workshop:\w+GetResult:succeeded:data\.images:reverse", "Pictures have no order."),
    # Files, pools, models.
    (r"workshop:createTempFileUploadSign:success:data\.accessUrl:(drop|rename|null|empty)",
     "Only this one may be absent (8.5)."),
    (r"workshop:createTempFileUploadSign:success:data\.(objectKey|path):" + _VALUE,
     "Names of files are free."),
    (r"workshop:createTempFileUploadSign:success:data\.expireTime:"
     r"(.*one|thousand\w*|constant|swap=.*)",
     "Its unit is open (W35)."),
    (r"workshop:queryResourceMonitorData:success:data:empty", "Pools may be unknown (W14)."),
    (r"workshop:queryResourceMonitorData:success:data:(reverse|constant)",
     "Pools have no order, and may be equally busy."),
    (r"workshop:queryResourceMonitorData:success:data\[\]\.monitorData(\[\].*)?:"
     r"(reverse|repeat|short|same-items|empty|constant|other-.*|.*one|thousandth"
     r"|swap=.*)", "How busy a pool is, and of what it is made, is open (W37)."),
    # What becomes of requests.
    (r"workshop:comfyPrompt:any:request\.inputs\..*:ignore",
     "What the inputs of a workflow do is its owner's matter."),
    (r"workshop:queryResourceMonitorData:any:request\..*:ignore",
     "Pools may be unknown (W14), and are equally busy for both sub-products."),
    (r"tams:createJob:any:request\..*\bvideoDiffusion\b.*:ignore", "Videos may be refused (U62)."),
    (r"tams:create.*:any:request\..*\bimageTo\w+\.diffusion\.(width|height):ignore",
     "The size comes from the picture before."),
    (r"tams:create.*:any:request\..*\bimageToUpscaler\.diffusion\.steps:ignore",
     "An upscaler has steps of its own."),
    (r".*:any:request\.requestId:ignore", "A repeated request may be a new job (U13)."),
    (r".*:request\.(?!.*\b(stages|type|inputInitialize|seed|count|width|height|steps|diffusion|"
     r"hrScale|hrResize[XY]|totalFrames|videoDiffusion|imageToUpscaler|notifyUrl|runningNotifyUrl|"
     r"params|fields|fieldAttrs|nodeId|fieldName|fieldValue|templateId|controlnetModule|resourceId|"
     r"imageResourceId|apiToken|tokenExpiredAt|sessionMode|subProduct|gadgetId|expiredInSeconds|"
     r"batch_size|workflow_id|inputs|taskId|resourceConfigIds):ignore).*:ignore",
     "What it does cannot be seen from outside."),
    (r".*:request\.runningNotifyUrl:ignore", "It may do nothing (U38)."),
    (r"tams:(getJobCredits|checkWorkflow\w+):any:request\..*\bseed:ignore", "A seed has no price."),
)  # fmt: skip
_PATTERNS = [(re.compile(pattern), reason) for pattern, reason in ALLOWED]


def why_allowed(name: str) -> str:
    """Return why the reference allows a mutant; empty for a lie."""
    return next((reason for pattern, reason in _PATTERNS if pattern.fullmatch(name)), "")
