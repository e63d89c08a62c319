import{B as e,C as t,D as n,E as r,F as i,G as a,H as o,J as s,R as c,S as l,V as u,W as d,_ as f,a as p,b as m,c as h,f as g,h as _,i as v,l as y,m as b,o as x,p as S,q as C,s as w,u as T,v as ee,y as E}from"./shared.js";var D={CREATE:`createdAt`,CHECKIN:`checkedInAt`,READY:`readyAt`,CALLBACK:`calledBackAt`,DISCHARGE:`dischargedAt`,REMOVE:`removedAt`};function O(e,t,n){let{at:r,index:i,steps:a,state:o}=e,c=r===null,l=k(e);return s`<section class="panel moment" aria-labelledby="moment-title" aria-busy=${e.waiting}>
    <h2 id="moment-title">${c||l?`Now`:`As it was`}</h2>
    ${A(e,n)}
    <p class="where" role="status">
      ${c?s`After all ${f(e.now?.total??0,`delivery`,`deliveries`)}.`:l?s`The log has no delivery ${r} yet: it ends at ${e.now?.position}. This is after all
              ${f(e.now?.total??0,`delivery`,`deliveries`)}.`:s`After delivery ${r}${i>=0&&a[i]?.position===r?s` <span class="quiet">(${i+1+e.unknown} of ${e.now?.total})</span>`:s` <span class="quiet">(of another appointment)</span>`}.`}
    </p>
    ${o===void 0?s`<p class="quiet">…</p>`:o===null?j(e):M(e,o,t)}
  </section>`}function k({at:e,now:t}){return e!==null&&t!==null&&BigInt(e)>BigInt(t.position)}function A(e,t){let{index:n,steps:r,at:i}=e,a=r.length-1,o=(e,n,r,i)=>s`<button type="button" class="step" title=${e} ?disabled=${i} @click=${()=>t(r)}>
      <span aria-hidden="true">${n}</span><span class="unseen">${e}</span>
    </button>`;return s`<div class="stepper" role="group" aria-label="Step through the deliveries">
    ${o(`First delivery`,`⇤`,0,a<1||n<=0&&i!==null)}
    ${o(`Earlier delivery`,`←`,n-1,n<1)}
    <input
      type="range"
      min="0"
      max=${Math.max(0,a)}
      step="1"
      .value=${String(Math.max(0,n))}
      ?disabled=${a<1}
      aria-label="Delivery"
      aria-valuetext=${i===null?`now`:`delivery ${i}, ${n+1} of ${r.length}`}
      @input=${e=>t(Number(e.target.value))}
    />
    ${o(`Later delivery`,`→`,n+1,i===null)}
    <button type="button" class="step wide" ?disabled=${i===null} @click=${()=>t(a)}>Now</button>
  </div>`}function j(e){let{begins:t,name:n}=e.now?.lifecycle??{begins:[],name:``},r=e.now?.state===null;return s`<p class="status-line"><span class="status" data-status="NONE">No appointment</span></p>
    <p>
      ${r?`No delivery has brought it into being`:`No delivery had brought it into being by then`}: under
      <code>${n}</code> an appointment begins with ${t.length>0?t.map(N):`no event`}.
      ${r?`The timeline tells why each one was not applied.`:C}
    </p>`}function M(e,n,r){let{at:i,index:a}=e,o=i===null?null:e.shown.find(({position:t})=>t===e.steps[a]?.position),c=i===null||k(e)?d.now():o?Date.parse(o.receivedAt):null,u=Date.parse(n.statusSince),p=[n.rescheduleCount>0&&f(n.rescheduleCount,`reschedule`,`reschedules`),n.demographicsUpdateCount>0&&f(n.demographicsUpdateCount,`change of details`,`changes of details`)].filter(e=>e!==!1);return s`<p class="status-line">
      <span class="status" data-status=${n.status}>${m(n.status)}</span>
      ${c===null?C:s`<span class="lasting">for ${ee(Math.max(0,c-u))}</span>`}
    </p>
    <p class="quiet">Since ${t(n.statusSince,r)}</p>
    <h3>What stands</h3>
    ${n.standing.length===0?s`<p class="quiet">No step.</p>`:s`<ol class="standing">
          ${n.standing.map(e=>{let t=n[D[e]];return s`<li>
              <span>${E(e)}</span>
              ${t?s`<time class="quiet" datetime=${t} title=${t}>${l(Date.parse(t),r)}</time>`:C}
            </li>`})}
        </ol>`}
    ${p.length>0?s`<p class="quiet">${p.join(`, `)}</p>`:C}`}function N(e,t){return s`${t>0?`, `:``}<code>${e.toLowerCase()}</code>`}function P(e,t,n){let{state:r}=e;return r?s`<section class="panel next" aria-labelledby="next-title">
    <h2 id="next-title">What could come next</h2>
    ${r.allowedEvents.length===0?s`<p class="quiet">Nothing would be applied.</p>`:s`<ul class="allowed">
          ${r.allowedEvents.map(t=>s`<li>
                <button type="button" class="chip" aria-pressed=${e.explained===t} @click=${()=>n(e.explained===t?null:t)}>
                  ${E(t)}
                </button>
              </li>`)}
        </ul>`}
    <label class="field"
      ><span>What would become of</span>
      <select @change=${e=>n(e.target.value||null)}>
        <option value="" ?selected=${e.explained===null}>choose an event</option>
        ${_.map(t=>s`<option value=${t} .selected=${e.explained===t}>${t.toLowerCase()}</option>`)}
      </select></label
    >
    <div class="forecast" role="status">${F(e,t)}</div>
  </section>`:C}function F(e,n){let{explanation:r}=e;if(r===null)return C;if(r===`asking`)return s`<p class="quiet">…</p>`;let{outcome:i,code:a,reason:o,statusAfter:c,letsIn:l,late:u,reconsideredUntil:d}=r;return s`<p>${T(i)} ${a?s`<code>${a}</code>`:C}</p>
    <p>${x(o)}</p>
    <p class="quiet">
      The appointment would be ${m(c)} then.
      ${u?`It would be put before deliveries that have been applied already.`:C}
      ${l.length>0?s`It would let in what waits: ${l.join(`, `)}.`:C}
      ${d?s`It would wait until ${t(d,n)}.`:C}
    </p>`}var I=`fragment State on Appointment {
  status statusSince standing allowedEvents createdAt checkedInAt readyAt calledBackAt dischargedAt removedAt
  rescheduleCount demographicsUpdateCount
}`,L=500;async function R({source:e,id:t},n){let i=`query Appointment($source: String!, $id: ID!) {
    log { projection { position } }
    lifecycle(source: $source) { name rules { eventType appliedFromNone } }
    appointment(source: $source, appointmentId: $id) { ...State }
    deliveries(filter: { source: $source, appointmentId: $id }, first: 0) { totalCount }
  } ${I}`,a=await u(i,{source:e,id:t},n);return{facts:await r(),state:a.appointment,lifecycle:{name:a.lifecycle.name,begins:a.lifecycle.rules.filter(e=>e.appliedFromNone).map(e=>e.eventType)},total:a.deliveries.totalCount??0,position:a.log.projection.position}}async function z(e,t,n){let r=`before`in t,i=r?{last:L,before:t.before}:{first:L,after:t.after},{deliveries:a}=await u(`query Steps($source: String!, $id: ID!, $first: Int, $after: String, $last: Int, $before: String) {
    deliveries(filter: { source: $source, appointmentId: $id }, first: $first, after: $after, last: $last, before: $before) {
      edges { cursor node { position } }
      pageInfo { hasNextPage hasPreviousPage }
    }
  }`,{...e,...i},n),{hasNextPage:o,hasPreviousPage:s}=a.pageInfo;return{steps:a.edges.map(({cursor:e,node:t})=>({position:t.position,cursor:e})),hasMore:r?s:o}}async function B(e,t,n,r){let i=`query Deliveries($source: String!, $id: ID!, $first: Int!, $after: String) {
    deliveries(filter: { source: $source, appointmentId: $id }, first: $first, after: $after) { nodes { ...Delivery } }
  } ${w}`,{deliveries:a}=await u(i,{...e,first:n,after:t},r);return a.nodes}async function V({source:e,id:t},n,r){let i=`query StateAt($source: String!, $id: ID!, $at: Position!) {
    appointment(source: $source, appointmentId: $id, asOfPosition: $at) { ...State }
  } ${I}`;return(await u(i,{source:e,id:t,at:n},r)).appointment}async function H({source:e,id:t},n,r,i){let{appointment:a}=await u(`query Explain($source: String!, $id: ID!, $eventType: EventType!, $at: Position) {
    appointment(source: $source, appointmentId: $id, asOfPosition: $at) {
      explain(eventType: $eventType) { outcome code reason late statusAfter letsIn reconsideredUntil }
    }
  }`,{source:e,id:t,eventType:n,at:r},i);return a?.explain??null}function U(e,t,n,r){return c(`subscription Source($source: String!, $after: Position!) {
    deliveries(source: $source, after: $after) { position appointmentId }
  }`,{source:e,after:t},{next:({deliveries:e})=>n(e.position,e.appointmentId),failed:r})}var W=1e4,G=500,K=120,q=2e3,J=class{#e;#t;#n;#r;#i;#a;#o;#s;#c;#l;#u;#d;#f;constructor(e,t){this.now=null,this.steps=[],this.shown=[],this.error=null,this.deaf=null,this.waiting=!1,this.explanation=null,this.explained=null,this.#n=new Map,this.#r=new AbortController,this.#i=new AbortController,this.#a=new AbortController,this.#o=null,this.#s=-1,this.#l=()=>{},this.#d=0,this.#f=0,this.#e=e,this.#t=t}get at(){return this.#o}get index(){if(this.#o===null)return this.steps.length-1;let e=BigInt(this.#o),[t,n]=[0,this.steps.length];for(;t<n;){let r=t+n>>>1;BigInt(this.steps[r].position)<=e?t=r+1:n=r}return t-1}get page(){return Math.max(0,this.#s)}get pages(){return Math.max(1,Math.ceil(this.steps.length/50))}get state(){return this.#o===null?this.now?.state:this.#n.get(this.#o)}get unknown(){return Math.max(0,(this.now?.total??0)-this.steps.length)}async begin(e){this.#o=e,await this.#x(async t=>{let n=await R(this.#e,t);this.steps=[];let r=null;for(let e=!0;e&&this.steps.length<W;){let{steps:n,hasMore:i}=await z(this.#e,{before:r},t);this.steps=[...n,...this.steps],r=this.steps[0]?.cursor??null,e=i}this.now=n,this.#_(n.position),await this.choose(e)})}end(){this.#r.abort(),this.#i.abort(),this.#a.abort(),clearTimeout(this.#c),clearTimeout(this.#u),this.#l()}async choose(e){this.#o=e,this.#i.abort(),this.#i=new AbortController;let{signal:t}=this.#i;this.waiting=!0,this.#t(),await this.#x(async()=>{let n=this.#p(e,t);await Promise.all([n,this.#h(this.#m(this.index),!1,t)]),t.aborted||(this.waiting=!1,this.explained&&this.explain(this.explained))},t)}async turn(e){await this.#x(t=>this.#h(e,!1,t))}async explain(e){this.explained=e,this.#a.abort(),this.#a=new AbortController;let{signal:t}=this.#a;this.explanation=e?`asking`:null,this.#t(),e&&await this.#x(async()=>{let n=await H(this.#e,e,this.#o,t);t.aborted||(this.explanation=n)},t)}async#p(e,t){if(e===null||this.#n.has(e))return;let n=await V(this.#e,e,t);this.now&&BigInt(e)<=BigInt(this.now.position)?this.#n.set(e,n):this.now&&this.#n.set(e,this.now.state)}#m(e){return Math.max(0,Math.floor(e/50))}async#h(e,t,n){if(e===this.#s&&!t)return;let r=this.steps[e*50-1]?.cursor??null,i=this.steps[e*50],a=r??(this.unknown>0&&i?await this.#g(i,n):null),o=await B(this.#e,a,50,n);n.aborted||(this.#s=e,this.shown=o)}async#g(e,t){let{steps:n}=await z(this.#e,{before:e.cursor},t);return n.at(-1)?.cursor??null}#_(e){this.#l(),clearTimeout(this.#u);let[t,n]=[0,e];this.#l=U(this.#e.source,e,(e,r)=>{this.#v(),n=e,t+=1,t===G&&this.#_(e),r===this.#e.id&&this.#y(K)},e=>{clearTimeout(this.#u),this.deaf=e.message,e.passes&&(this.#u=setTimeout(()=>this.#_(n),p(this.#f++))),this.#t()}),this.deaf&&(this.#u=setTimeout(()=>this.#v(),q))}#v(){this.#f=0,this.deaf!==null&&(this.deaf=null,this.#t())}#y(e){clearTimeout(this.#c),this.#c=setTimeout(()=>void(this.now?this.#b():this.begin(this.#o)),e)}async#b(){await this.#x(async e=>{let t=await R(this.#e,e),n=this.page===this.pages-1;for(let t=!0;t;){let n=this.steps.at(-1),{steps:r,hasMore:i}=await z(this.#e,n?{after:n.cursor}:{before:null},e);this.steps=[...this.steps,...r],t=i&&n!==void 0}this.now=t;for(let e of this.#n.keys())BigInt(e)>BigInt(this.steps.at(-1)?.position??0)&&this.#n.delete(e);await Promise.all([this.#p(this.#o,e),this.#h(n&&this.#o===null?this.pages-1:this.page,!0,e)]),this.waiting=!1,this.explained&&(this.#o===null||this.explanation===`asking`)&&this.explain(this.explained)})}async#x(t,n=this.#r.signal){try{await t(n),n.aborted||([this.error,this.#d]=[null,0])}catch(t){if(n.aborted||this.#r.signal.aborted)return;this.error=o(t),t instanceof e&&t.passes&&this.#y(p(this.#d++))}this.#r.signal.aborted||this.#t()}};function Y(e,t,n,r){let{now:i,shown:a,unknown:o}=e,c=i?.facts.isAdmin??!1;return s`<section class="history" aria-labelledby="timeline-title">
    <h2 id="timeline-title">Timeline <span class="amount">${f(i?.total??0,`delivery`,`deliveries`)}</span></h2>
    ${c?C:s`<p class="quiet">Raw bodies are shown to readers with the role <code>admin</code>.</p>`}
    ${Z(e,r)}
    ${o>0&&e.page===0?s`<p class="quiet">${f(o,`earlier delivery is`,`earlier deliveries are`)} not listed here; GraphQL has them.</p>`:C}
    <ol class="timeline">
      ${v(a,({position:e})=>e,r=>X(e,r,t,n,c))}
    </ol>
    ${a.length>20?Z(e,r):C}
  </section>`}function X(e,t,n,r,i){let a=e.at!==null&&e.steps[e.index]?.position===t.position,o=e.at!==null&&BigInt(t.position)>BigInt(e.at);return s`<li
    class="delivery ${o?`later`:``}"
    data-outcome=${t.outcome}
    data-position=${t.position}
    aria-current=${a?`step`:C}
  >
    <p class="what">
      <span class="said">${S(t)}</span> ${T(t.outcome)}
      ${t.code?s`<code>${t.code}</code>`:C}
      ${o?s`<span class="tag">later</span>`:C}
      <a class="to" href=${r(t.position)}
        ><span class="unseen">As it was after </span>delivery ${t.position}</a
      >
    </p>
    <p class="when">${h(t,n)} ${b(t)}</p>
    ${t.reason?s`<p class="reason">${x(t.reason)}</p>`:C}
    ${g(t,r).map(e=>s`<p class="remark">${e}</p>`)}
    ${t.deliveryId?s`<p class="quiet">Sender’s id <code>${t.deliveryId}</code></p>`:C}
    ${y(t,i)}
  </li>`}function Z({page:e,pages:t,steps:n,unknown:r},i){if(t<2)return C;let a=e*50+1+r,o=Math.min(n.length,(e+1)*50)+r;return s`<nav class="pager" aria-label="Pages of the timeline">
    <button type="button" ?disabled=${e===0} @click=${()=>i(e-1)}>Earlier</button>
    <span>${a}–${o} of ${n.length+r}</span>
    <button type="button" ?disabled=${e===t-1} @click=${()=>i(e+1)}>Later</button>
  </nav>`}var Q=5e3,te=150,$=class extends a{static{this.properties={route:{attribute:!1}}}#e=null;#t=``;#n;#r;#i=!1;connectedCallback(){super.connectedCallback(),this.#n=setInterval(()=>this.requestUpdate(),Q),addEventListener(`keydown`,this.#c)}disconnectedCallback(){super.disconnectedCallback(),clearInterval(this.#n),clearTimeout(this.#r),removeEventListener(`keydown`,this.#c),this.#e?.end(),this.#e=null,this.#t=``}willUpdate(e){if(!e.has(`route`)&&this.#e)return;clearTimeout(this.#r);let{source:t=``,id:n=``}=this.route.parts,r=this.route.url.searchParams.get(`at`),i=r!==null&&/^(0|[1-9]\d{0,18})$/.test(r)?r:null;this.#t===`${t}/${n}`&&this.#e?this.#e.at!==i&&this.#e.choose(i):(this.#e?.end(),this.#t=`${t}/${n}`,this.#e=new J({source:t,id:n},()=>this.requestUpdate()),this.#i=i!==null,this.#e.begin(i))}render(){let{source:e=``,id:t=``}=this.route.parts;return s`<div class="page appointment-page">
      <h1 tabindex="-1"><span class="quiet">Appointment</span> ${t}</h1>
      ${this.#a(e)}
    </div>`}#a(e){let t=this.#e;if(!t)return C;let r=t.error?s`<p class="notice" role="alert">${t.error}</p>`:C;if(!t.now)return s`${r}${t.error?C:s`<p class="quiet">Loading…</p>`}`;let{now:i}=t,a=n(i.facts,e),o=s`<p class="meta">
      Source <b>${e}</b> · times in ${a} · lifecycle <code>${i.lifecycle.name}</code>
    </p>`;return i.total===0?s`${o}${r}
        <p class="notice">No delivery of <code>${e}</code> names this appointment.</p>`:s`${o}${r}
      ${t.deaf?s`<p class="notice" role="alert">What arrives now is not shown: ${t.deaf}</p>`:C}
      <div class="appointment">
        <div class="aside">
          ${O(t,a,this.#o)} ${P(t,a,e=>void t.explain(e))}
        </div>
        ${Y(t,a,this.#s,e=>void t.turn(e))}
      </div>`}updated(){this.#i&&this.#e?.waiting===!1&&this.#e.now&&(this.#i=!1,matchMedia(`(min-width: 56rem)`).matches&&requestAnimationFrame(()=>this.querySelector(`.timeline [aria-current]`)?.scrollIntoView({block:`nearest`})))}#o=e=>{let t=this.#e;if(!t||t.steps.length===0)return;let n=t.steps[Math.max(0,e)],r=e>=t.steps.length-1||!n?null:n.position;this.#i=!0,t.at!==r&&t.choose(r),clearTimeout(this.#r),this.#r=setTimeout(()=>i({at:r}),te)};#s=e=>{let t=new URL(this.route.url);return t.searchParams.set(`at`,e),t.pathname+t.search};#c=e=>{let t=this.#e;if(!t?.now||e.defaultPrevented||e.metaKey||e.ctrlKey||e.altKey||e.shiftKey||e.target.closest?.(`input, select, textarea, pre`))return;let n={ArrowLeft:t.index-1,ArrowRight:t.index+1}[e.key];n!==void 0&&(e.preventDefault(),this.#o(n))}};customElements.define(`clockfold-appointment`,$);export{$ as AppointmentPage};