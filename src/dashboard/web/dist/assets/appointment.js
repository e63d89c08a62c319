import{E as e,F as t,I as n,M as r,O as i,P as a,S as o,_ as s,a as c,c as l,d as u,f as d,g as f,i as p,j as m,l as h,m as g,o as _,p as v,s as y,v as b,x,y as S}from"./shared.js";import{t as C}from"./app.js";var w={CREATE:`createdAt`,CHECKIN:`checkedInAt`,READY:`readyAt`,CALLBACK:`calledBackAt`,DISCHARGE:`dischargedAt`,REMOVE:`removedAt`};function T(e,t,r){let{at:i,index:a,steps:o,state:s}=e,c=i===null;return n`<section class="panel moment" aria-labelledby="moment-title" aria-busy=${e.waiting}>
    <h2 id="moment-title">${c?`Now`:`As it was`}</h2>
    ${E(e,r)}
    <p class="where" role="status">
      ${c?n`After all ${f(e.now?.total??0,`delivery`,`deliveries`)}.`:n`After delivery ${i}${a>=0&&o[a]?.position===i?n` <span class="quiet">(${a+1+e.unknown} of ${e.now?.total})</span>`:n` <span class="quiet">(of another appointment)</span>`}.`}
    </p>
    ${s===void 0?n`<p class="quiet">…</p>`:s===null?D(e):O(e,s,t)}
  </section>`}function E(e,t){let{index:r,steps:i,at:a}=e,o=i.length-1,s=(e,r,i,a)=>n`<button type="button" class="step" title=${e} ?disabled=${a} @click=${()=>t(i)}>
      <span aria-hidden="true">${r}</span><span class="unseen">${e}</span>
    </button>`;return n`<div class="stepper" role="group" aria-label="Step through the deliveries">
    ${s(`First delivery`,`⇤`,0,r<=0&&a!==null)}
    ${s(`Earlier delivery`,`←`,r-1,r<=0)}
    <input
      type="range"
      min="0"
      max=${Math.max(0,o)}
      step="1"
      .value=${String(Math.max(0,r))}
      ?disabled=${o<1}
      aria-label="Delivery"
      aria-valuetext=${a===null?`now`:`delivery ${a}, ${r+1} of ${i.length}`}
      @input=${e=>t(Number(e.target.value))}
    />
    ${s(`Later delivery`,`→`,r+1,a===null)}
    <button type="button" class="step wide" ?disabled=${a===null} @click=${()=>t(o)}>Now</button>
  </div>`}function D(e){let{begins:r,name:i}=e.now?.lifecycle??{begins:[],name:``},a=e.now?.state===null;return n`<p class="status-line"><span class="status" data-status="NONE">No appointment</span></p>
    <p>
      ${a?`No delivery has brought it into being`:`No delivery had brought it into being by then`}: under
      <code>${i}</code> an appointment begins with ${r.length>0?r.map(k):`no event`}.
      ${a?`The timeline tells why each one was not applied.`:t}
    </p>`}function O(e,r,i){let{at:a,index:c}=e,l=a===null?null:e.shown.find(({position:t})=>t===e.steps[c]?.position),u=a===null?Date.now():l?Date.parse(l.receivedAt):null,d=Date.parse(r.statusSince),p=[r.rescheduleCount>0&&f(r.rescheduleCount,`reschedule`,`reschedules`),r.demographicsUpdateCount>0&&f(r.demographicsUpdateCount,`change of details`,`changes of details`)].filter(e=>e!==!1);return n`<p class="status-line">
      <span class="status" data-status=${r.status}>${S(r.status)}</span>
      ${u===null?t:n`<span class="lasting">for ${s(Math.max(0,u-d))}</span>`}
    </p>
    <p class="quiet">Since ${o(r.statusSince,i)}</p>
    <h3>What stands</h3>
    ${r.standing.length===0?n`<p class="quiet">No step.</p>`:n`<ol class="standing">
          ${r.standing.map(e=>{let a=r[w[e]];return n`<li>
              <span>${b(e)}</span>
              ${a?n`<time class="quiet" datetime=${a} title=${a}>${x(Date.parse(a),i)}</time>`:t}
            </li>`})}
        </ol>`}
    ${p.length>0?n`<p class="quiet">${p.join(`, `)}</p>`:t}`}function k(e,t){return n`${t>0?`, `:``}<code>${e.toLowerCase()}</code>`}function A(e,r,i){let{state:a}=e;return a?n`<section class="panel next" aria-labelledby="next-title">
    <h2 id="next-title">What could come next</h2>
    ${a.allowedEvents.length===0?n`<p class="quiet">Nothing would be applied.</p>`:n`<ul class="allowed">
          ${a.allowedEvents.map(t=>n`<li>
                <button type="button" class="chip" aria-pressed=${e.explained===t} @click=${()=>i(e.explained===t?null:t)}>
                  ${b(t)}
                </button>
              </li>`)}
        </ul>`}
    <label class="field"
      ><span>What would become of</span>
      <select @change=${e=>i(e.target.value||null)}>
        <option value="" ?selected=${e.explained===null}>choose an event</option>
        ${g.map(t=>n`<option value=${t} .selected=${e.explained===t}>${t.toLowerCase()}</option>`)}
      </select></label
    >
    <div class="forecast" role="status">${j(e,r)}</div>
  </section>`:t}function j(e,r){let{explanation:i}=e;if(i===null)return t;if(i===`asking`)return n`<p class="quiet">…</p>`;let{outcome:a,code:s,reason:l,statusAfter:u,letsIn:d,late:f,reconsideredUntil:p}=i;return n`<p>${h(a)} ${s?n`<code>${s}</code>`:t}</p>
    <p>${c(l)}</p>
    <p class="quiet">
      The appointment would be ${S(u)} then.
      ${f?`It would be put before deliveries that have been applied already.`:t}
      ${d.length>0?n`It would let in what waits: ${d.join(`, `)}.`:t}
      ${p?n`It would wait until ${o(p,r)}.`:t}
    </p>`}var M=`fragment State on Appointment {
  status statusSince standing allowedEvents createdAt checkedInAt readyAt calledBackAt dischargedAt removedAt
  rescheduleCount demographicsUpdateCount
}`,N=500;async function P({source:e,id:t},n){let r=`query Appointment($source: String!, $id: ID!) {
    reader { role }
    sources { name timeZone lifecycle reorderWindowSeconds }
    log { projection { position } }
    lifecycle(source: $source) { name rules { eventType appliedFromNone } }
    appointment(source: $source, appointmentId: $id) { ...State }
    deliveries(filter: { source: $source, appointmentId: $id }, first: 0) { totalCount }
  } ${M}`,i=await m(r,{source:e,id:t},n);return{facts:{isAdmin:i.reader.role===`ADMIN`,sources:i.sources},state:i.appointment,lifecycle:{name:i.lifecycle.name,begins:i.lifecycle.rules.filter(e=>e.appliedFromNone).map(e=>e.eventType)},total:i.deliveries.totalCount??0,position:i.log.projection.position}}async function F(e,t,n){let r=`before`in t,i=r?{last:N,before:t.before}:{first:N,after:t.after},{deliveries:a}=await m(`query Steps($source: String!, $id: ID!, $first: Int, $after: String, $last: Int, $before: String) {
    deliveries(filter: { source: $source, appointmentId: $id }, first: $first, after: $after, last: $last, before: $before) {
      edges { cursor node { position } }
      pageInfo { hasNextPage hasPreviousPage }
    }
  }`,{...e,...i},n),{hasNextPage:o,hasPreviousPage:s}=a.pageInfo;return{steps:a.edges.map(({cursor:e,node:t})=>({position:t.position,cursor:e})),hasMore:r?s:o}}async function I(e,t,n,r){let i=`query Deliveries($source: String!, $id: ID!, $first: Int!, $after: String) {
    deliveries(filter: { source: $source, appointmentId: $id }, first: $first, after: $after) { nodes { ...Delivery } }
  } ${_}`,{deliveries:a}=await m(i,{...e,first:n,after:t},r);return a.nodes}async function L({source:e,id:t},n,r){let i=`query StateAt($source: String!, $id: ID!, $at: Position!) {
    appointment(source: $source, appointmentId: $id, asOfPosition: $at) { ...State }
  } ${M}`;return(await m(i,{source:e,id:t,at:n},r)).appointment}async function R({source:e,id:t},n,r,i){let{appointment:a}=await m(`query Explain($source: String!, $id: ID!, $eventType: EventType!, $at: Position) {
    appointment(source: $source, appointmentId: $id, asOfPosition: $at) {
      explain(eventType: $eventType) { outcome code reason late statusAfter letsIn reconsideredUntil }
    }
  }`,{source:e,id:t,eventType:n,at:r},i);return a?.explain??null}function z(e,t,n,r){return C(`subscription Source($source: String!, $after: Position!) {
    deliveries(source: $source, after: $after) { position appointmentId }
  }`,{source:e,after:t},{next:({deliveries:e})=>n(e.position,e.appointmentId),failed:r})}var B=1e4,V=500,H=120,U=class{#e;#t;#n;#r;#i;#a;#o;#s;#c;#l;constructor(e,t){this.now=null,this.steps=[],this.shown=[],this.error=null,this.deaf=null,this.waiting=!1,this.explanation=null,this.explained=null,this.#n=new Map,this.#r=new AbortController,this.#i=new AbortController,this.#a=new AbortController,this.#o=null,this.#s=-1,this.#l=()=>{},this.#e=e,this.#t=t}get at(){return this.#o}get index(){if(this.#o===null)return this.steps.length-1;let e=BigInt(this.#o),[t,n]=[0,this.steps.length];for(;t<n;){let r=t+n>>>1;BigInt(this.steps[r].position)<=e?t=r+1:n=r}return t-1}get page(){return Math.max(0,this.#s)}get pages(){return Math.max(1,Math.ceil(this.steps.length/50))}get state(){return this.#o===null?this.now?.state:this.#n.get(this.#o)}get unknown(){return Math.max(0,(this.now?.total??0)-this.steps.length)}async begin(e){this.#o=e,await this.#_(async t=>{let n=await P(this.#e,t),r=null;for(let e=!0;e&&this.steps.length<B;){let{steps:n,hasMore:i}=await F(this.#e,{before:r},t);this.steps=[...n,...this.steps],r=this.steps[0]?.cursor??null,e=i}this.now=n,this.#m(n.position),await this.choose(e)})}end(){this.#r.abort(),this.#i.abort(),this.#a.abort(),clearTimeout(this.#c),this.#l()}async choose(e){this.#o=e,this.#i.abort(),this.#i=new AbortController;let{signal:t}=this.#i;this.waiting=!0,this.#t(),await this.#_(async()=>{let n=this.#u(e,t);await Promise.all([n,this.#f(this.#d(this.index),!1,t)]),t.aborted||(this.waiting=!1,this.explained&&this.explain(this.explained))},t)}async turn(e){await this.#_(t=>this.#f(e,!1,t))}async explain(e){this.explained=e,this.#a.abort(),this.#a=new AbortController;let{signal:t}=this.#a;this.explanation=e?`asking`:null,this.#t(),e&&await this.#_(async()=>{let n=await R(this.#e,e,this.#o,t);t.aborted||(this.explanation=n)},t)}async#u(e,t){if(e===null||this.#n.has(e))return;let n=await L(this.#e,e,t);this.now&&BigInt(e)<=BigInt(this.now.position)?this.#n.set(e,n):this.now&&this.#n.set(e,this.now.state)}#d(e){return Math.max(0,Math.floor(e/50))}async#f(e,t,n){if(e===this.#s&&!t)return;let r=this.steps[e*50-1]?.cursor??null,i=this.steps[e*50],a=r??(this.unknown>0&&i?await this.#p(i,n):null),o=await I(this.#e,a,50,n);n.aborted||(this.#s=e,this.shown=o)}async#p(e,t){let{steps:n}=await F(this.#e,{before:e.cursor},t);return n.at(-1)?.cursor??null}#m(e){this.#l();let t=0;this.#l=z(this.#e.source,e,(e,n)=>{this.deaf=null,t+=1,t===V&&this.#m(e),n===this.#e.id&&this.#h()},e=>{this.deaf=e.message,this.#t()})}#h(){clearTimeout(this.#c),this.#c=setTimeout(()=>void this.#g(),H)}async#g(){await this.#_(async e=>{let t=await P(this.#e,e),n=this.page===this.pages-1;for(let t=!0;t;){let n=this.steps.at(-1),{steps:r,hasMore:i}=await F(this.#e,n?{after:n.cursor}:{before:null},e);this.steps=[...this.steps,...r],t=i&&n!==void 0}this.now=t;for(let e of this.#n.keys())BigInt(e)>BigInt(this.steps.at(-1)?.position??0)&&this.#n.delete(e);await Promise.all([this.#u(this.#o,e),this.#f(n&&this.#o===null?this.pages-1:this.page,!0,e)]),this.#o===null&&this.explained&&this.explain(this.explained)})}async#_(e,t=this.#r.signal){try{await e(t),t.aborted||(this.error=null)}catch(e){if(t.aborted||this.#r.signal.aborted)return;this.error=r(e)}this.#r.signal.aborted||this.#t()}};function W(e,r,i,a){let{now:o,shown:s,unknown:c}=e,l=o?.facts.isAdmin??!1;return n`<section class="history" aria-labelledby="timeline-title">
    <h2 id="timeline-title">Timeline <span class="count">${f(o?.total??0,`delivery`,`deliveries`)}</span></h2>
    ${l?t:n`<p class="quiet">Raw bodies are shown to readers with the role <code>admin</code>.</p>`}
    ${K(e,a)}
    ${c>0&&e.page===0?n`<p class="quiet">${f(c,`earlier delivery is`,`earlier deliveries are`)} not listed here; GraphQL has them.</p>`:t}
    <ol class="timeline">
      ${p(s,({position:e})=>e,t=>G(e,t,r,i,l))}
    </ol>
    ${s.length>20?K(e,a):t}
  </section>`}function G(e,r,i,a,o){let s=e.at!==null&&e.steps[e.index]?.position===r.position,f=e.at!==null&&BigInt(r.position)>BigInt(e.at);return n`<li
    class="delivery ${f?`later`:``}"
    data-outcome=${r.outcome}
    data-position=${r.position}
    aria-current=${s?`step`:t}
  >
    <p class="what">
      <span class="said">${d(r)}</span> ${h(r.outcome)}
      ${r.code?n`<code>${r.code}</code>`:t}
      ${f?n`<span class="tag">later</span>`:t}
      <a class="to" href=${a(r.position)}
        ><span class="unseen">As it was after </span>delivery ${r.position}</a
      >
    </p>
    <p class="when">${y(r,i)} ${v(r)}</p>
    ${r.reason?n`<p class="reason">${c(r.reason)}</p>`:t}
    ${u(r,i,a).map(e=>n`<p class="remark">${e}</p>`)}
    ${r.deliveryId?n`<p class="quiet">Sender’s id <code>${r.deliveryId}</code></p>`:t}
    ${l(r,o)}
  </li>`}function K({page:e,pages:r,steps:i,unknown:a},o){if(r<2)return t;let s=e*50+1+a,c=Math.min(i.length,(e+1)*50)+a;return n`<nav class="pager" aria-label="Pages of the timeline">
    <button type="button" ?disabled=${e===0} @click=${()=>o(e-1)}>Earlier</button>
    <span>${s}–${c} of ${i.length+a}</span>
    <button type="button" ?disabled=${e===r-1} @click=${()=>o(e+1)}>Later</button>
  </nav>`}var q=5e3,J=class extends a{static{this.properties={route:{attribute:!1}}}#e=null;#t=``;#n;#r=!1;connectedCallback(){super.connectedCallback(),this.#n=setInterval(()=>this.requestUpdate(),q),addEventListener(`keydown`,this.#s)}disconnectedCallback(){super.disconnectedCallback(),clearInterval(this.#n),removeEventListener(`keydown`,this.#s),this.#e?.end(),this.#e=null,this.#t=``}willUpdate(e){if(!e.has(`route`)&&this.#e)return;let{source:t=``,id:n=``}=this.route.parts,r=this.route.url.searchParams.get(`at`),i=r!==null&&/^(0|[1-9]\d{0,18})$/.test(r)?r:null;this.#t===`${t}/${n}`&&this.#e?this.#e.at!==i&&this.#e.choose(i):(this.#e?.end(),this.#t=`${t}/${n}`,this.#e=new U({source:t,id:n},()=>this.requestUpdate()),this.#r=i!==null,this.#e.begin(i))}render(){let{source:e=``,id:t=``}=this.route.parts;return n`<div class="page appointment-page">
      <h1 tabindex="-1"><span class="quiet">Appointment</span> ${t}</h1>
      ${this.#i(e)}
    </div>`}#i(r){let i=this.#e;if(!i)return t;let a=i.error?n`<p class="notice" role="alert">${i.error}</p>`:t;if(!i.now)return n`${a}${i.error?t:n`<p class="quiet">Loading…</p>`}`;let{now:o}=i,s=e(o.facts,r),c=n`<p class="meta">
      Source <b>${r}</b> · times in ${s} · lifecycle <code>${o.lifecycle.name}</code>
    </p>`;return o.total===0?n`${c}${a}
        <p class="notice">No delivery of <code>${r}</code> names this appointment.</p>`:n`${c}${a}
      ${i.deaf?n`<p class="notice" role="alert">What arrives now is not shown: ${i.deaf}</p>`:t}
      <div class="appointment">
        <div class="aside">
          ${T(i,s,this.#a)} ${A(i,s,e=>void i.explain(e))}
        </div>
        ${W(i,s,this.#o,e=>void i.turn(e))}
      </div>`}updated(){this.#r&&this.#e?.waiting===!1&&this.#e.now&&(this.#r=!1,matchMedia(`(min-width: 56rem)`).matches&&this.querySelector(`.timeline [aria-current]`)?.scrollIntoView({block:`nearest`}))}#a=e=>{let t=this.#e;if(!t||t.steps.length===0)return;let n=t.steps[Math.max(0,e)],r=e>=t.steps.length-1||!n?null:n.position;this.#r=!0,i({at:r})};#o=e=>{let t=new URL(this.route.url);return t.searchParams.set(`at`,e),t.pathname+t.search};#s=e=>{let t=this.#e;if(!t?.now||e.defaultPrevented||e.metaKey||e.ctrlKey||e.altKey||e.shiftKey||e.target.closest?.(`input, select, textarea, pre`))return;let n={ArrowLeft:t.index-1,ArrowRight:t.index+1}[e.key];n!==void 0&&(e.preventDefault(),this.#a(n))}};customElements.define(`clockfold-appointment`,J);export{J as AppointmentPage};