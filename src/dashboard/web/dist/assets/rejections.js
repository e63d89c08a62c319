import{B as e,E as t,G as n,H as r,S as i,T as a,V as o,W as s,a as c,c as l,d as u,f as d,g as f,i as p,l as m,n as h,o as g,p as _,r as v,s as y,t as b,u as x,v as S}from"./shared.js";var C={WALK_INS:`Walk-ins whom nobody checks in`,MID_STREAM:`Switched on in mid-stream`,OVERTAKING:`Deliveries overtake each other`};function w({source:e,pattern:t,explanation:r,setting:i}){let a=`[[source]]\nname = "${e}"\n${i}`,o=`advice-${e}-${t}`;return n`<section class="panel advice" aria-labelledby=${o} data-pattern=${t} data-source=${e}>
    <h2 id=${o}>
      <svg class="icon" viewBox="0 0 16 16" aria-hidden="true">
        <path d="M8 1.5a4.5 4.5 0 0 1 2.5 8.2V12h-5V9.7A4.5 4.5 0 0 1 8 1.5ZM6 14.5h4" />
      </svg>
      ${C[t]} <span class="amount">${e}</span>
    </h2>
    <p>${c(r)}</p>
    <p class="quiet">The setting in the configuration:</p>
    <div class="setting">
      <pre tabindex="0" aria-label="Setting for ${e}">${a}</pre>
      <copy-button .text=${i} .what=${`the setting ${i}`}></copy-button>
    </div>
  </section>`}var T=[`REJECTED`,`UNRECOGNIZED`,`UNREADABLE`],E=[`NOT_CREATED`,`STATUS_NOT_ALLOWED`,`STEP_NOT_DONE`,`STEP_NOT_LAST`,`UNKNOWN_EVENT_TYPE`,`NOT_JSON`,`NOT_AN_OBJECT`,`FIELD_REPEATED`,`APPOINTMENT_ID_MISSING`,`APPOINTMENT_ID_INVALID`,`EVENT_TYPE_MISSING`,`EVENT_TYPE_INVALID`],D=25;async function O({source:t,from:n,to:r},i){let{rejections:a}=await e(`query Rejections($source: String, $from: DateTime!, $to: DateTime!) {
    rejections(source: $source, from: $from, to: $to) {
      groups { source outcome code eventType count firstReceivedAt lastReceivedAt lastPosition explanation }
      advice { source pattern count explanation setting }
    }
  }`,{source:t,from:A(n),to:A(r)},i);return a}async function k({source:t,outcome:n,code:r,from:i,to:a},o,s){let c=`query Deliveries($filter: DeliveryFilter!, $last: Int!, $before: String) {
    deliveries(filter: $filter, last: $last, before: $before) {
      nodes { ...Delivery }
      pageInfo { hasPreviousPage startCursor }
    }
  } ${g}`,l={source:t,outcome:n?[n]:T,code:r?[r]:null,receivedAt:{from:A(i),to:A(a)}},{deliveries:u}=await e(c,{filter:l,last:D,before:o},s),{nodes:d,pageInfo:f}=u;return{deliveries:d.reverse(),older:f.hasPreviousPage?f.startCursor:null}}function A(e){return new Date(e).toISOString()}function j({groups:e},t,r,i){let a=e.filter(({outcome:e,code:n})=>(!t.outcome||e===t.outcome)&&(!t.code||n===t.code)),o=a.reduce((e,t)=>e+t.count,0);return n`<section aria-labelledby="groups-title">
    <h2 id="groups-title">By source and code <span class="amount">${f(o,`delivery`,`deliveries`)}</span></h2>
    ${a.length===0?n`<p class="notice">Nothing of this kind arrived in this time.</p>`:n`<table class="groups">
          <thead>
            <tr>
              <th scope="col" class="number">Count</th>
              <th scope="col">Source</th>
              <th scope="col">What and why</th>
              <th scope="col">First and last</th>
            </tr>
          </thead>
          <tbody>
            ${a.map(e=>M(e,r,i))}
          </tbody>
        </table>`}
  </section>`}function M(e,t,r){let{source:a,outcome:o,code:s,eventType:l,count:u,firstReceivedAt:d,lastReceivedAt:f,explanation:p}=e;return n`<tr data-code=${s} data-event=${l??``} data-source=${a}>
    <td class="number" data-label="Count">${u.toLocaleString(`en-US`)}</td>
    <td data-label="Source">${a}</td>
    <td class="why">
      <p class="what">
        <b>${l?S(l):o===`UNREADABLE`?`A body that can’t be read`:`An event type that is not known`}</b>
        ${m(o)} <a href=${r({source:a,code:s})}><code>${s}</code><span class="unseen"> of ${a} only</span></a>
      </p>
      <p>${c(p)}</p>
    </td>
    <td class="times" data-label="First and last">${i(d,t)}<br />${i(f,t)}</td>
  </tr>`}function N(e,t,r,i,a){let o=e.flatMap(e=>e.deliveries);return o.length===0?s:n`<section aria-labelledby="list-title">
    <h2 id="list-title">Deliveries <span class="amount">newest first</span></h2>
    ${t.isAdmin?s:n`<p class="quiet">Raw bodies are shown to readers with the role <code>admin</code>.</p>`}
    <ol class="rejected">
      ${p(o,({position:e})=>e,e=>P(e,t,r))}
    </ol>
    ${e.at(-1)?.older?n`<button type="button" class="older" ?disabled=${i} @click=${a}>Show older deliveries</button>`:n`<p class="quiet">These are all.</p>`}
  </section>`}function P(e,t,r){let{source:i,appointmentId:a,position:o,code:f,reason:p}=e,h=a&&`/appointment/${encodeURIComponent(i)}/${encodeURIComponent(a)}`;return n`<li class="panel delivery" data-position=${o} data-outcome=${e.outcome}>
    <p class="what">
      <span class="said">${d(e)}</span> ${m(e.outcome)}
      ${f?n`<code>${f}</code>`:s}
      <span class="to">${i} · delivery ${o}</span>
    </p>
    <p class="when">${y(e,r)} ${a?_(e):s}</p>
    ${p?n`<p class="reason">${c(p)}</p>`:s}
    ${h?u(e,e=>`${h}?at=${e}`).map(e=>n`<p class="remark">${e}</p>`):s}
    ${h?n`<p><a href="${h}?at=${o}">Appointment ${a} after it</a></p>`:n`<p class="quiet">It names no appointment.</p>`}
    ${l(e,t.isAdmin)}
  </li>`}var F=36e5,I=class extends r{static{this.properties={route:{attribute:!1}}}#e=null;#t=null;#n=null;#r=null;#i=[];#a=null;#o=!1;#s=new AbortController;disconnectedCallback(){super.disconnectedCallback(),this.#s.abort()}willUpdate(e){e.has(`route`)&&this.#u()}render(){return n`<div class="page rejections-page">
      <h1 tabindex="-1">Rejected and unreadable</h1>
      ${this.#e&&this.#n&&this.#t?this.#c(this.#e,this.#n,this.#t):s}
      ${this.#a?n`<p class="notice" role="alert">${this.#a}</p>`:s}
      ${this.#e||this.#a?s:n`<p class="quiet">Loading…</p>`}
    </div>`}#c(e,r,i){let a=t(e,i.source),o=this.#r,c=e.sources.map(({name:e})=>[e,e]);return n`<form class="asked" aria-label="What is shown" @submit=${e=>e.preventDefault()}>
        ${h(r,a)} ${b(`source`,`Source`,`all sources`,c,i.source)}
        ${b(`outcome`,`Outcome`,`all three`,T.map(e=>[e,x(e)]),i.outcome)}
        ${b(`code`,`Code`,`all codes`,E.map(e=>[e,e]),i.code)}
        <button type="button" @click=${()=>void this.#u()} ?disabled=${this.#o}>Load again</button>
      </form>
      <p class="meta" role="status">Times in ${a}.${this.#o?` Loading…`:s}</p>
      ${r.error?n`<p class="notice" role="alert">${r.error}</p>`:s}
      ${o?n`${o.advice.map(e=>w(e))} ${j(o,i,a,this.#l)}
            ${N(this.#i,e,a,this.#o,()=>void this.#d())}`:s}`}#l=e=>{let t=new URL(this.route.url);for(let[n,r]of Object.entries(e))t.searchParams.set(n,r);return t.pathname+t.search};async#u(){this.#s.abort(),this.#s=new AbortController;let{signal:e}=this.#s;await this.#f(e,async()=>{let n=this.#e??await a(),r=e=>this.route.url.searchParams.get(e),i=r(`source`),o=Date.now(),s=v(this.route.url,t(n,i),o,`24h`),c=s.name===`own`?s.to:o+F,l={source:i,outcome:r(`outcome`),code:r(`code`),from:s.from,to:c};if([this.#e,this.#n,this.#t]=[n,s,l],s.error){[this.#r,this.#i]=[null,[]];return}this.requestUpdate();let[u,d]=await Promise.all([O(l,e),k(l,null,e)]);e.aborted||([this.#r,this.#i]=[u,[d]])})}async#d(){let[e,t,{signal:n}]=[this.#i.at(-1)?.older,this.#t,this.#s];!e||!t||this.#o||await this.#f(n,async()=>{let r=await k(t,e,n);n.aborted||(this.#i=[...this.#i,r])})}async#f(e,t){this.#o=!0,this.requestUpdate();try{await t(),e.aborted||(this.#a=null)}catch(t){if(e.aborted)return;this.#a=o(t),[this.#r,this.#i]=[null,[]]}e.aborted||(this.#o=!1,this.requestUpdate())}};customElements.define(`clockfold-rejections`,I);export{I as RejectionsPage};